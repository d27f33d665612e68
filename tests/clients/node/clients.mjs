// The OpenFeature clients of npm against a real server: node clients.mjs API PROXY
//
// The server SDK asks for one flag at a time, the web SDK (in Node, with an EventSource) for all of them. A rollout of
// `checkout` runs at 5 % when this begins; at the end it is advanced, and the web client must hear of it by itself.
import assert from 'node:assert/strict';
import { OpenFeature as Server } from '@openfeature/server-sdk';
import { OpenFeature as Web, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { EventSource } from 'eventsource';

const [api, proxy] = process.argv.slice(2);
globalThis.EventSource = EventSource;

/** The version that the proxy gives a user. */
async function routed(user) {
  const answer = await fetch(`${proxy}/`, { headers: { 'x-user-id': user } });
  return (await answer.text()).trim();
}

async function server() {
  await Server.setProviderAndWait(new OFREPProvider({ baseUrl: api }));
  const client = Server.getClient();
  const tester = { targetingKey: 'tester' };
  assert.equal(await client.getBooleanValue('new-checkout', false, tester), true);
  assert.equal(await client.getStringValue('title', 'default', tester), 'new');
  assert.equal(await client.getNumberValue('items', 0, tester), 5);
  assert.equal(await client.getNumberValue('factor', 0, tester), 1.5);
  assert.deepEqual(await client.getObjectValue('limits', {}, tester), { items: 5, open: true });
  const forced = await client.getBooleanDetails('new-checkout', false, tester);
  assert.deepEqual([forced.variant, forced.reason], ['canary', 'TARGETING_MATCH']);
  const unknown = await client.getBooleanDetails('no such/flag', true, tester);
  assert.deepEqual([unknown.value, unknown.errorCode], [true, 'FLAG_NOT_FOUND']);
  const other = await client.getStringDetails('new-checkout', 'default', tester);
  assert.deepEqual([other.value, other.errorCode], ['default', 'TYPE_MISMATCH']);
  const keyless = await client.getBooleanDetails('new-checkout', true, {});
  assert.deepEqual([keyless.value, keyless.errorCode], [true, 'TARGETING_KEY_MISSING']);
  assert.equal(await client.getNumberValue('off', 7, tester), 7, 'a flag that is off: the default of the code');
  const seen = { stable: 0, canary: 0 };
  for (let n = 0; n < 300; n++) {
    const user = `user-${n}@example.org`;
    const { value, variant } = await client.getBooleanDetails('new-checkout', false, { targetingKey: user });
    assert.equal(variant, await routed(user), `${user}: flag and proxy`);
    assert.equal(value, variant === 'canary');
    seen[variant] += 1;
  }
  assert.ok(seen.canary > 0 && seen.stable > seen.canary, JSON.stringify(seen));
  console.log(`server SDK: every type, default and error; 300 users as the proxy routes them (${seen.canary} canary)`);
}

/** A user whom the split gives this version now. */
async function userOf(version) {
  for (let n = 0; ; n++) if ((await routed(`web-${n}`)) === version) return `web-${n}`;
}

async function web() {
  const user = await userOf('stable');
  await Web.setContext({ targetingKey: user });
  await Web.setProviderAndWait(new OFREPWebProvider({ baseUrl: api, cacheMode: 'disabled' }));
  const client = Web.getClient();
  assert.equal(client.getBooleanValue('new-checkout', true), false);
  assert.equal(client.getStringValue('title', 'default'), 'old');
  assert.deepEqual(client.getObjectValue('limits', {}), { items: 3, open: false });
  assert.equal(client.getNumberValue('off', 7), 7);
  assert.equal(client.getBooleanDetails('no-such-flag', true).errorCode, 'FLAG_NOT_FOUND');
  // The stream is opened after the values are there; it must be before anything changes.
  await new Promise((done) => setTimeout(done, 1000));
  const changed = new Promise((done) => client.addHandler(ProviderEvents.ConfigurationChanged, done));
  const began = performance.now();
  const advance = await fetch(`${api}/api/v1/rollouts/checkout/advance`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}',
  });
  assert.equal(advance.status, 200, await advance.text());
  await changed;
  const after = performance.now() - began;
  assert.equal(client.getBooleanValue('new-checkout', false), true);
  assert.equal(client.getStringValue('title', 'default'), 'new');
  await Web.setContext({ targetingKey: 'tester' });
  assert.equal(client.getBooleanDetails('new-checkout', false).reason, 'TARGETING_MATCH');
  console.log(`web SDK: every type, default and error; told of the advance after ${after.toFixed(0)} ms`);
}

await server();
await web();
await Web.close();
await Server.close();
process.exit(0);
