// The OpenFeature clients of npm against real servers: node clients.mjs API PROXY GUARDED TOKEN
//
// The server SDK asks for one flag at a time, the web SDK (in Node, with an EventSource) for all of them. A rollout of
// `checkout` runs at 5 % behind PROXY when this begins; at the end it is advanced, and the web client must hear of it by
// itself. GUARDED wants TOKEN, and gives three evaluations at once and one more each second.
import assert from 'node:assert/strict';
import { OpenFeature as Server } from '@openfeature/server-sdk';
import { OpenFeature as Web, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { EventSource } from 'eventsource';
import { tracking } from './track.mjs';

const [api, proxy, guarded, token] = process.argv.slice(2);
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

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** `fetch` that notes the status of every answer. */
function noting(statuses) {
  return async (...request) => {
    const answer = await fetch(...request);
    statuses.push(answer.status);
    return answer;
  };
}

async function serverRefused() {
  const statuses = [];
  const fetchImplementation = noting(statuses);
  const tester = { targetingKey: 'tester' };
  for (const headers of [[], [['Authorization', 'Bearer fw_wrong']]]) {
    await Server.setProviderAndWait('refused', new OFREPProvider({ baseUrl: guarded, headers, fetchImplementation }));
    const refused = await Server.getClient('refused').getStringDetails('title', 'default', tester);
    assert.deepEqual([refused.value, refused.reason, refused.errorCode], ['default', 'ERROR', 'GENERAL']);
    assert.equal(statuses.pop(), 401);
  }
  const headers = [['Authorization', `Bearer ${token}`]];
  await Server.setProviderAndWait('token', new OFREPProvider({ baseUrl: guarded, headers, fetchImplementation }));
  const ask = () => Server.getClient('token').getStringDetails('title', 'default', tester);
  assert.equal((await ask()).value, 'new', 'with the token');
  let answer;
  for (const end = Date.now() + 30_000; Date.now() < end;) if ((answer = await ask()).errorMessage) break;
  assert.match(answer.errorMessage, /rate limit exceeded, try again after .*\d/i);
  assert.equal(answer.value, 'default');
  assert.equal(statuses.at(-1), 429);
  const asked = statuses.length;
  assert.match((await ask()).errorMessage, /paused due to TooManyRequests/);
  assert.equal(statuses.length, asked, 'nothing was sent');
  await sleep(1100);
  assert.equal((await ask()).value, 'new', 'after the wait');
  console.log('server SDK: 401 without the token, values with it, 429 heeded for the second it says');
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
  await sleep(1000);
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
  assert.ok(after < 1000, `told after ${after} ms`);
  console.log(`web SDK: every type, default and error; told of the advance after ${after.toFixed(0)} ms`);
}

/** The web SDK with a provider that is to reach GUARDED: how starting it ended. */
async function started(domain, headers, statuses = []) {
  const options = { baseUrl: guarded, cacheMode: 'disabled', headers, fetchImplementation: noting(statuses) };
  return Web.setProviderAndWait(domain, new OFREPWebProvider(options)).then(() => 'ready', (error) => error);
}

async function webRefused() {
  const statuses = [];
  assert.notEqual(await started('refused', [], statuses), 'ready');
  assert.deepEqual(statuses, [401]);
  assert.equal(Web.getClient('refused').getStringDetails('title', 'default').value, 'default');
  assert.equal(Web.getClient('refused').providerStatus, 'FATAL', 'no use in asking again without a token');
  const headers = [['X-API-Key', token]];
  let n = 0;
  for (const end = Date.now() + 30_000; Date.now() < end; n++) {
    if ((await started(`token-${n}`, headers, statuses)) !== 'ready') break;
    assert.equal(Web.getClient(`token-${n}`).getStringValue('title', 'default'), 'new', 'with the token');
  }
  assert.ok(n > 0);
  assert.equal(statuses.at(-1), 429);
  assert.equal(Web.getClient(`token-${n}`).getStringValue('title', 'default'), 'default');
  await sleep(1100);
  assert.equal(await started('later', headers), 'ready', 'after the wait');
  console.log('web SDK: 401 is fatal without the token, values with it, 429 until the second it says is over');
}

/** What users do counts for the experiment whose variant they had, once however often it is sent. */
async function tracked() {
  const provider = tracking(new OFREPProvider({ baseUrl: api }), { baseUrl: api });
  await Server.setProviderAndWait('tracking', provider);
  const client = Server.getClient('tracking');
  const staff = await client.getStringDetails('button', '', { targetingKey: 'n-0', email: 'a@example.org' });
  assert.deepEqual([staff.value, staff.reason], ['#0f0', 'TARGETING_MATCH'], 'a rule');
  const sums = { blue: 0, green: 0 };
  for (let n = 0; n < 200; n++) {
    const context = { targetingKey: `n-${n}` };
    const { variant } = await client.getStringDetails('button', '', context);
    client.track('revenue', context, { value: n });
    client.track('clicks nobody asked for', context, {});
    sums[variant] += Math.min(n, 100);
  }
  const [real, began] = [globalThis.fetch, performance.now()];
  let lost = 0;
  globalThis.fetch = async (...request) => {
    const answer = await real(...request);
    if (lost++ < 2) throw new Error('the answer is lost on its way');
    return answer;
  };
  await assert.rejects(provider.flush());
  while (lost < 3) {
    assert.ok(performance.now() - began < 30_000);
    await sleep(20);
  }
  await provider.flush();
  globalThis.fetch = real;
  const { experiment } = await (await fetch(`${api}/api/v1/flags/button`)).json();
  const shown = experiment.metrics.find(({ name }) => name === 'revenue').variants;
  for (const [place, { name, users }] of experiment.variants.entries()) {
    assert.ok(Math.abs(shown[place].mean * users - sums[name]) < 1e-6, `${name}: ${shown[place].mean} × ${users}`);
  }
  assert.equal(experiment.variants[0].users + experiment.variants[1].users, 200);
  console.log('server SDK: 200 users of an experiment and what they did, once though answers were lost');
}

await server();
await tracked();
await serverRefused();
await web();
await webRefused();
await Web.close();
await Server.close();
process.exit(0);
