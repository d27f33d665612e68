// What the scripts that look at the page have in common: the browser, waiting, pictures, and asking the other side.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

/** Longest wait for anything that should happen at once, ms. */
export const SOON = 30_000;

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks whoever started this to do something, and waits until it is done. */
export async function ask(what) {
  console.log(`@ ${what}`);
  const { done } = await answers.next();
  assert.ok(!done, `nobody did: ${what}`);
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until this is true. */
export async function until(what, isTrue) {
  const end = Date.now() + SOON;
  for (;;) {
    const found = await isTrue();
    if (found) return found;
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await sleep(100);
  }
}

/** A browser of its own, which is gone afterwards. */
export async function withBrowser(executablePath, work) {
  const home = mkdtempSync(join(tmpdir(), 'fw-dashboard-'));
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--js-flags=--expose-gc'];
  const browser = await chromium.launch({ executablePath, args, env: { ...process.env, HOME: home } });
  try {
    return await work(browser);
  } finally {
    await browser.close();
    // Nothing more is asked; an open input would keep this process.
    process.stdin.destroy();
    rmSync(home, { recursive: true, force: true });
  }
}

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 360, height: 780 };

/** A page; whatever it complains of is a failure, unless it is expected at that time. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(SOON);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error.stack)));
  page.on('console', (message) => {
    // A request that fails is shown by the page; the browser's own line about it is no complaint.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.complaints.push(message.text());
  });
  page.foreign = [];
  const { origin } = new URL(url);
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url())) page.foreign.push(request.url());
  });
  await page.goto(url);
  return page;
}

/** Closes a page; it must have had nothing to complain of, and have asked nobody else. */
export async function close(page) {
  assert.deepEqual(page.complaints, []);
  assert.deepEqual(page.foreign, [], 'the page asks its own server only');
  await page.context().close();
}

/** WCAG 2.2 AA, as far as axe can tell; and nothing is wider than the window. */
export async function accessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  assert.deepEqual(told, [], `axe: ${what}`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(over <= 0, `${what} is ${over} px wider than the window`);
}
