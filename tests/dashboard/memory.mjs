// What many updates do to the page's memory: as many as come within an hour at one a second, sent faster.
//
// A small server in front of the real one passes the page on and sends its own frames, made from a real answer.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { close, open, sleep, until } from './world.mjs';

/** Frames that are measured. */
const FRAMES = 3600;
/** Frames before that fill what is kept: 600 points and 500 events. */
const BEFORE = 1200;
const EVERY_MS = 25;
const PER_TICK = 10;

const KEPT = 1.1;
const MIB = 1024 * 1024;

async function relay(server) {
  const detail = await (await fetch(`${server}/api/v1/rollouts/checkout`)).json();
  const streams = { live: [], events: [] };
  const relaying = createServer(async (request, answer) => {
    const kind = request.url.endsWith('/live') ? 'live' : request.url === '/events' ? 'events' : null;
    if (kind) {
      answer.writeHead(200, { 'content-type': 'text/event-stream' });
      answer.flushHeaders();
      streams[kind].push(answer);
      return;
    }
    const found = await fetch(`${server}${request.url}`, { headers: { accept: request.headers.accept ?? '*/*' } });
    answer.writeHead(found.status, { 'content-type': found.headers.get('content-type') ?? 'text/plain' });
    answer.end(Buffer.from(await found.arrayBuffer()));
  });
  await new Promise((done) => relaying.listen(0, '127.0.0.1', done));
  return { detail, streams, relaying, url: `http://127.0.0.1:${relaying.address().port}` };
}

function frames({ detail, streams }, n) {
  const arm = { requests: n % 50, errors: n % 3, errorRate: n % 5, meanMs: 40 + (n % 7), p50Ms: 38, p95Ms: 80 + (n % 11), p99Ms: 120, apdex: 1, metrics: { revenue: n % 13 } };
  const point = { at: 1_760_000_000_000 + n * 1000, phase: 1, share: 25, health: 99, risk: 41, evidence: 1 + (n % 9), canary: arm, stable: arm };
  const live = { detail: { ...detail, status: 'running', risk: n % 100 }, series: { stepSeconds: 1, reset: n === 0, points: [point] } };
  const event = { ...detail, findings: undefined, type: 'rollout_paused', timestamp: new Date(point.at).toISOString(), actor: 'test', reason: `number ${n}`, phase: 1 };
  for (const stream of streams.live) stream.write(`data: ${JSON.stringify(live)}\n\n`);
  for (const stream of streams.events) stream.write(`id: ${1_000_000 + n}\ndata: ${JSON.stringify(event)}\n\n`);
}

/** Sends this many and waits until the page shows the last of them. */
async function send(world, page, from, to) {
  for (let n = from; n < to; ) {
    for (let i = 0; i < PER_TICK && n < to; i++) frames(world, n++);
    await sleep(EVERY_MS);
  }
  await until(`frame ${to - 1} on the page`, () => page.evaluate((text) => document.querySelector('.timeline')?.textContent.includes(text), `number ${to - 1}`));
}

/** Bytes of the heap that are still in use after a collection. */
async function heap(session) {
  for (let i = 0; i < 3; i++) {
    await session.send('HeapProfiler.collectGarbage');
    await sleep(200);
  }
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

export async function memory(browser, server) {
  const world = await relay(server);
  const page = await open(browser, `${world.url}/#/rollouts/checkout`);
  const session = await page.context().newCDPSession(page);
  await until('both streams', () => world.streams.live.length > 0 && world.streams.events.length > 0);
  await send(world, page, 0, BEFORE);
  const before = await heap(session);
  const start = Date.now();
  await send(world, page, BEFORE, BEFORE + FRAMES);
  const seconds = (Date.now() - start) / 1000;
  const after = await heap(session);
  console.log(`${FRAMES} updates of each stream in ${seconds.toFixed(0)} s: ${(before / MIB).toFixed(1)} MiB before, ${(after / MIB).toFixed(1)} MiB after collection`);
  assert.ok(after < before * KEPT + MIB, 'memory grows');
  const kept = await page.evaluate(() => document.querySelectorAll('.timeline li').length);
  assert.ok(kept > 100 && kept <= 500, `${kept} events are kept`);
  await close(page);
  for (const stream of [...world.streams.live, ...world.streams.events]) stream.destroy();
  world.relaying.close();
  world.relaying.closeAllConnections();
}
