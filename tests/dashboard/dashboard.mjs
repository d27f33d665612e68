// The dashboard in Chromium: node dashboard.mjs CHROMIUM SERVER GUARDED TOKEN PICTURES
//
// SERVER serves `checkout` behind a proxy that has load, with no rollout yet; its first phase waits for evidence, the others
// are moved by hand. GUARDED wants TOKEN. A line "@ …" on standard output asks for what only the other side can do.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { build } from 'esbuild';
import { memory } from './memory.mjs';
import { accessible, ask, close, DESKTOP, open, PHONE, until, withBrowser } from './world.mjs';

const [chromium, server, guarded, token, pictures] = process.argv.slice(2);
const ROLLOUT = `${server}/#/rollouts/checkout`;

const json = async (path) => (await fetch(`${server}${path}`)).json();
const picture = (page, name, whole = true) => page.screenshot({ path: join(pictures, `${name}.png`), fullPage: whole });
const shows = (page, text) => page.getByText(text).first().waitFor();

/** A cold load: prints when something was painted first, and what it took to load. */
async function coldLoad(browser) {
  const page = await open(browser, `${server}/`);
  await shows(page, 'No rollout yet');
  const painted = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  const bytes = await page.evaluate(() => performance.getEntriesByType('resource').filter((r) => r.name.includes('/assets/')).reduce((sum, r) => sum + r.transferSize, performance.getEntriesByType('navigation')[0].transferSize));
  console.log(`first contentful paint of a cold load: ${painted.toFixed(0)} ms; page, script, style and font: ${(bytes / 1024).toFixed(0)} KiB`);
  assert.ok(painted < 5000, `${painted} ms`);
  assert.ok(bytes < 200 * 1024, `${bytes} bytes`);
  await accessible(page, 'overview without a rollout');
  await picture(page, 'empty', false);
  return page;
}

/** Presses a button, gives a reason, and waits until the history has it. */
async function act(page, button, reason, choose) {
  await page.getByRole('group', { name: 'Actions' }).getByRole('button', { name: button, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('What will happen').waitFor();
  if (choose) await dialog.getByLabel(choose).check();
  await dialog.getByLabel(/^Reason/).fill(reason);
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await until(`the reason ${reason} in the history`, async () => {
    const { events } = await json('/api/v1/rollouts/checkout/history?limit=1000');
    return events.some((event) => event.reason === reason || event.evidence?.includes(reason));
  });
  await shows(page, reason);
}

/** Every button, from a hold at the first phase to the end. */
async function buttons(page) {
  await act(page, 'Advance', 'looks good to me');
  await shows(page, 'Advanced to phase 1');
  await act(page, 'Pause', 'waiting for the migration');
  await page.getByText('Paused').first().waitFor();
  await act(page, 'Resume', 'the migration is through');
  await act(page, 'Roll back', 'one step back', /Previous phase 0/);
  await until('rolled back to phase 0', async () => (await json('/status')).status === 'rolled_back');
  assert.equal((await json('/status')).split.canary, 5000);
  await act(page, 'Resume', 'once more');
  await act(page, 'Advance', 'and on');
  await act(page, 'Roll back', 'all the way back', /Stable/);
  await until('rolled back to stable', async () => (await json('/status')).split.canary === 0);
  const pause = page.getByRole('group', { name: 'Actions' }).getByRole('button', { name: /^Pause|^Resume/ });
  await pause.first().waitFor();
  await act(page, 'Abort', 'enough for today');
  await shows(page, 'Aborted');
  const dead = page.getByRole('button', { name: /^Advance/ });
  assert.equal(await dead.getAttribute('aria-disabled'), 'true');
  assert.match(await dead.textContent(), /aborted/);
  console.log('every button works, its reason is in the history, and what is not possible says why');
}

/** The dialog by the keyboard alone. */
async function keyboard(page) {
  await page.getByRole('button', { name: 'Pause', exact: true }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  await accessible(page, 'dialog');
  await picture(page, 'dialog', false);
  for (let n = 0; n < 12; n++) {
    await page.keyboard.press('Tab');
    const inside = await page.evaluate(() => document.activeElement === document.body || !!document.activeElement?.closest('dialog'));
    assert.ok(inside, 'the focus stays in the dialog');
  }
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^Pause/, 'the focus is given back');
  await page.locator('.plot').first().focus();
  await page.keyboard.press('ArrowLeft');
  await page.locator('.chart-values .muted').first().waitFor();
  console.log('dialog and charts by the keyboard: the focus stays inside, and comes back');
}

/** The component of the design document against the real stream. */
async function seed(browser) {
  const { outputFiles } = await build({ entryPoints: ['seed.jsx'], bundle: true, write: false, jsx: 'automatic', define: { 'process.env.NODE_ENV': '"production"' } });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route('**/seed', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>seed</title><div id="root"></div><script src="/seed.js"></script>' }));
  await page.route('**/seed.js', (route) => route.fulfill({ contentType: 'text/javascript', body: outputFiles[0].text }));
  await page.goto(`${server}/seed`);
  await page.getByText('Current Phase: Limited rollout').waitFor();
  const requests = async () => Number((await page.getByText(/^Requests: \d/).textContent()).split(' ')[1]);
  const before = await requests();
  await until('more requests', async () => (await requests()) > before);
  assert.match(await page.locator('h2').textContent(), /^Rollout Progress: [\d.]+%$/);
  await context.close();
  console.log("the design document's own component shows the real /events");
}

/** Charts of what the real server measures, and the reports of a run. */
async function measured(page) {
  const chart = page.getByRole('img', { name: /^Response time, p95: Canary [\d.]+\sms, Stable [\d.]+\sms/ });
  await chart.waitFor();
  const painted = () => page.evaluate(() => [...document.querySelectorAll('.plot canvas')].filter((canvas) => canvas.width > 0).length);
  await until('ten charts', async () => (await painted()) >= 9);
  const link = page.getByRole('link', { name: 'performance report as html' });
  const [report] = await Promise.all([page.context().waitForEvent('page'), link.click()]);
  await report.locator('h1').waitFor();
  await report.close();
  console.log('charts of the real /live, and a report from its link');
}

/** kill -9 in mid-rollout, and a start on the same store. */
async function restart(page) {
  await ask('kill');
  await page.getByText(/Connection lost, showing data of \d\d:\d\d:\d\d/).waitFor();
  await accessible(page, 'connection lost');
  await picture(page, 'lost', false);
  await ask('start');
  await page.getByText('Connection lost').waitFor({ state: 'detached' });
  await page.getByText('Live', { exact: true }).waitFor();
  await ask('fw rollout advance checkout --reason after-the-restart');
  await shows(page, 'after-the-restart');
  console.log('a server killed and started again in mid-rollout: the page says so, and recovers by itself');
}

/** The pages that are looked at, in both colours and both widths. */
async function looks(browser) {
  const pages = { overview: '#/', rollout: '#/rollouts/checkout', kpis: '#/kpis', flags: '#/flags' };
  for (const colorScheme of ['light', 'dark']) {
    for (const [width, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      const page = await open(browser, `${server}/`, { colorScheme, viewport });
      for (const [name, hash] of Object.entries(pages)) {
        await page.goto(`${server}/${hash}`);
        await page.locator('h1').waitFor();
        if (name === 'rollout') await shows(page, 'Evidence, test by test');
        await accessible(page, `${name}, ${colorScheme}, ${width}`);
        await picture(page, `${name}-${width}-${colorScheme}`);
      }
      await close(page);
    }
  }
  console.log('axe: no violations on overview, rollout, KPIs and flags, light and dark, 1440 and 360 px');
}

/** A server that wants a token: it is asked for, kept for the tab, and sent with everything. */
async function tokens(browser) {
  const page = await open(browser, `${guarded}/`);
  const dialog = page.getByRole('dialog', { name: 'This server wants a token' });
  await dialog.waitFor();
  await accessible(page, 'token');
  await dialog.getByLabel('Token').fill('wrong');
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await dialog.getByText(/no token of the config matches/).waitFor();
  await dialog.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
  await shows(page, 'No rollout yet');
  await page.getByText('Live', { exact: true }).waitFor();
  await page.reload();
  await shows(page, 'No rollout yet');
  assert.deepEqual(await page.evaluate((secret) => [Object.values(localStorage).includes(secret), document.cookie, location.href.includes(secret)], token), [false, '', false]);
  await close(page);
  console.log('a token is asked for, kept for the tab, and nowhere else');
}

await withBrowser(chromium, async (browser) => {
  const page = await coldLoad(browser);
  await page.evaluate(() => (window.sameDocument = true));
  await tokens(browser);

  await ask('fw rollout start');
  await page.getByRole('link', { name: /^checkout/ }).first().click();
  await shows(page, 'Initial canary');
  await page.getByText('Waiting', { exact: true }).first().waitFor();
  await shows(page, /more requests? needed|evidence/i);
  await accessible(page, 'hold');
  await picture(page, 'hold');
  await buttons(page);

  await ask('fw rollout start');
  await shows(page, 'checkout.2');
  await ask('fw rollout advance checkout --reason from-a-terminal');
  await shows(page, 'from-a-terminal');
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'nothing was loaded anew');
  console.log('the page followed two rollouts without a reload');
  await measured(page);
  await keyboard(page);
  await seed(browser);
  await looks(browser);
  await restart(page);

  await ask('fail-every 3');
  await until('rolled back', async () => (await json('/status')).status === 'rolled_back');
  await shows(page, 'Rolled back');
  await shows(page, /Rollback confirmed after/);
  await accessible(page, 'rollback');
  await picture(page, 'rollback');
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  await close(page);
  await memory(browser, server);
});
