// The web SDK of OpenFeature in Chromium against real servers: node browser.mjs CHROMIUM API PROXY GUARDED TOKEN
//
// The page comes from http://shop.test, which is another origin than the servers' and one they list in `auth.hosts`; so
// everything the SDK reads has passed the browser's own check of origins, preflights included. A rollout of `checkout`
// runs at 5 % behind PROXY when this begins, and is advanced. GUARDED wants TOKEN, and gives three evaluations at once
// and one more each second. What was asked is seen from outside the page.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const [executablePath, api, proxy, guarded, token] = process.argv.slice(2);

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Serves the page with its script, whatever the host is called; returns the port. */
async function serve() {
  const options = { entryPoints: ['page.mjs'], bundle: true, write: false, format: 'iife', globalName: 'sdk' };
  const script = (await build(options)).outputFiles[0].text;
  const html = '<!doctype html><title>shop</title><link rel="icon" href="data:,"><script src="/page.js"></script>';
  const server = createServer((request, answer) => {
    const isScript = request.url === '/page.js';
    answer.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    answer.end(isScript ? script : html);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server.address().port;
}

/** A user whom the split gives this version now. */
async function userOf(version) {
  for (let n = 0; ; n++) {
    const answer = await fetch(`${proxy}/`, { headers: { 'x-user-id': `web-${n}` } });
    if ((await answer.text()).trim() === version) return `web-${n}`;
  }
}

/** In the page: starts a provider; how that ended, and the provider's status. */
const start = (page, domain, baseUrl, headers = []) =>
  page.evaluate(
    async ([domain, baseUrl, headers]) => {
      const { OpenFeature, OFREPWebProvider } = window.sdk;
      const provider = new OFREPWebProvider({ baseUrl, headers, cacheMode: 'disabled' });
      const isReady = await OpenFeature.setProviderAndWait(domain, provider).then(() => true, () => false);
      return [isReady, OpenFeature.getClient(domain).providerStatus];
    },
    [domain, baseUrl, headers],
  );

/** In the page: what a flag is evaluated to. */
const details = (page, domain, flag, fallback) =>
  page.evaluate(
    ([domain, flag, fallback]) => {
      const client = window.sdk.OpenFeature.getClient(domain);
      const kind = { boolean: 'Boolean', string: 'String', number: 'Number', object: 'Object' }[typeof fallback];
      return client[`get${kind}Details`](flag, fallback);
    },
    [domain, flag, fallback],
  );

const value = async (page, flag, fallback) => (await details(page, 'open', flag, fallback)).value;

const setContext = (page, context) =>
  page.evaluate((context) => window.sdk.OpenFeature.setContext(context), context);

/** Opens the page under this host; notes the answers to what it asks of a server. */
async function open(browser, host, port) {
  const page = await (await browser.newContext()).newPage();
  const answers = [];
  page.on('response', (answer) => {
    if (answer.url().includes('/ofrep/')) answers.push(answer);
  });
  await page.goto(`http://${host}:${port}/`);
  return { page, answers };
}

async function values({ page, answers }, origin) {
  const user = await userOf('stable');
  await setContext(page, { targetingKey: user });
  const listening = page.waitForResponse((answer) => answer.url().endsWith('/ofrep/v1/events'));
  assert.deepEqual(await start(page, 'open', api), [true, 'READY']);
  assert.equal(await value(page, 'new-checkout', true), false);
  assert.equal(await value(page, 'title', 'default'), 'old');
  assert.equal(await value(page, 'items', 0), 3);
  assert.equal(await value(page, 'factor', 0), 1);
  assert.deepEqual(await value(page, 'limits', {}), { items: 3, open: false });
  assert.equal(await value(page, 'off', 7), 7, 'a flag that is off: the default of the code');
  assert.equal((await details(page, 'open', 'no-such-flag', true)).errorCode, 'FLAG_NOT_FOUND');
  assert.equal((await details(page, 'open', 'title', 1)).errorCode, 'TYPE_MISMATCH');
  const [first] = answers;
  assert.equal(first.status(), 200);
  assert.equal((await first.allHeaders())['access-control-allow-origin'], origin);
  assert.equal((await listening).status(), 200);
  // Another attribute of the same user: the SDK asks with the tag of what it has.
  const again = page.waitForResponse((answer) => answer.url().endsWith('/evaluate/flags'));
  await setContext(page, { targetingKey: user, plan: 'pro' });
  assert.equal((await again).status(), 304);
  assert.equal((await again).request().headers()['if-none-match'], (await first.allHeaders()).etag);
  assert.equal(await value(page, 'title', 'default'), 'old');
  console.log('Chromium: every type, default and error across origins; 304 for what it has already');
}

async function change({ page }) {
  await page.evaluate(() => {
    const { OpenFeature, ProviderEvents } = window.sdk;
    const changed = (done) => OpenFeature.getClient('open').addHandler(ProviderEvents.ConfigurationChanged, done);
    window.changed = new Promise(changed).then(() => Date.now());
  });
  const began = Date.now();
  const advance = await fetch(`${api}/api/v1/rollouts/checkout/advance`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}',
  });
  assert.equal(advance.status, 200, await advance.text());
  const after = (await page.evaluate(() => window.changed)) - began;
  assert.equal(await value(page, 'new-checkout', false), true);
  assert.equal(await value(page, 'title', 'default'), 'new');
  assert.ok(after < 1000, `told after ${after} ms`);
  console.log(`Chromium: told of the advance by its EventSource after ${after} ms`);
}

async function refusals({ page, answers }) {
  assert.deepEqual(await start(page, 'refused', guarded), [false, 'FATAL']);
  assert.equal(answers.at(-1).status(), 401);
  assert.equal((await details(page, 'refused', 'title', 'default')).value, 'default');
  const headers = [['Authorization', `Bearer ${token}`]];
  let n = 0;
  for (const end = Date.now() + 30_000; Date.now() < end; n++) {
    const [isReady] = await start(page, `token-${n}`, guarded, headers);
    if (!isReady) break;
    assert.equal((await details(page, `token-${n}`, 'title', 'default')).value, 'new', 'with the token');
  }
  assert.ok(n > 0);
  assert.equal(answers.at(-1).status(), 429);
  assert.equal((await answers.at(-1).allHeaders())['retry-after'], '1');
  assert.equal((await details(page, `token-${n}`, 'title', 'default')).value, 'default');
  await sleep(1100);
  assert.deepEqual(await start(page, 'later', guarded, headers), [true, 'READY'], 'after the wait');
  console.log('Chromium: 401 is fatal without the token, values with it, 429 until the second it says is over');
}

/** What the page's user does counts for the experiment whose variant they had. */
async function tracked({ page }) {
  const read = async () => (await (await fetch(`${api}/api/v1/flags/button`)).json()).experiment;
  const sums = (experiment) => experiment.variants.map(({ users }, place) => {
    const [, revenue] = experiment.metrics;
    return users === 0 ? 0 : users * revenue.variants[place].mean;
  });
  const before = await read();
  const variant = await page.evaluate(async (baseUrl) => {
    const { OpenFeature, OFREPWebProvider, tracking } = window.sdk;
    await OpenFeature.setContext({ targetingKey: 'page-user' });
    const provider = tracking(new OFREPWebProvider({ baseUrl, cacheMode: 'disabled' }), { baseUrl });
    await OpenFeature.setProviderAndWait('tracking', provider);
    const client = OpenFeature.getClient('tracking');
    client.track('revenue', { value: 40, currency: 'EUR' });
    await provider.flush();
    return client.getStringDetails('button', '').variant;
  }, api);
  const after = await read();
  const place = after.variants.findIndex(({ name }) => name === variant);
  assert.equal(after.variants[place].users, before.variants[place].users + 1);
  assert.ok(Math.abs(sums(after)[place] - sums(before)[place] - 40) < 1e-6, JSON.stringify([before, after]));
  console.log(`Chromium: a page's track counts for ${variant}, across origins`);
}

/** A page of a host that is not listed gets nothing, and its code's defaults. */
async function foreign({ page }) {
  assert.deepEqual(await start(page, 'open', api), [false, 'ERROR']);
  assert.equal(await value(page, 'title', 'default'), 'default');
  console.log('Chromium: a page of another host has its defaults');
}

const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.test 127.0.0.1'];
const browser = await chromium.launch({ executablePath, args });
try {
  const port = await serve();
  const shop = await open(browser, 'shop.test', port);
  await values(shop, `http://shop.test:${port}`);
  await change(shop);
  await tracked(shop);
  await setContext(shop.page, { targetingKey: 'tester' });
  await refusals(shop);
  await foreign(await open(browser, 'other.test', port));
} finally {
  await browser.close();
}
process.exit(0);
