import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ActionBar } from '../src/components/ActionBar';
import { EvidencePanel } from '../src/components/EvidencePanel';
import { LostBanner } from '../src/components/LostBanner';
import { PhaseTrack } from '../src/components/PhaseTrack';
import { Questions } from '../src/components/Questions';
import { reportsOf } from '../src/components/Reports';
import { Waiting } from '../src/components/Waiting';
import { newestOfEach, withEvent, type SeenRun } from '../src/state/fleet';
import type { Finding } from '../src/lib/types';
import { detail, event } from './fixtures';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const plain = (element: HTMLElement) => (element.textContent ?? '').replace(/[\u00a0\u202f]/g, ' ');

describe('buttons', () => {
  it('that make no sense are there, say why, and do nothing', () => {
    render(<ActionBar detail={detail({ status: 'completed' })} isNewest onDone={() => {}} />);
    const advance = screen.getByRole('button', { name: /Advance/ });
    expect(advance.getAttribute('aria-disabled')).toBe('true');
    expect(advance.textContent).toContain('only a rollback to stable');
    fireEvent.click(advance);
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  it('ask first, and send the reason with a key', async () => {
    const asked: { url: string; init: RequestInit }[] = [];
    const after = detail({ status: 'rolling_back' });
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
      asked.push({ url, init });
      return Promise.resolve(new Response(JSON.stringify(after)));
    });
    const done = vi.fn();
    render(<ActionBar detail={detail()} isNewest onDone={done} />);
    fireEvent.click(screen.getByRole('button', { name: 'Roll back' }));
    const dialog = screen.getByRole('dialog', { hidden: true });
    expect(plain(dialog)).toContain('from 25 % to 5 % at once');
    fireEvent.click(screen.getByLabelText(/Stable 1\.4\.2/));
    expect(plain(dialog)).toContain('from 25 % to 0 % at once');
    fireEvent.change(screen.getByLabelText(/Reason/), { target: { value: ' slow ' } });
    const buttons = screen.getAllByRole('button', { name: 'Roll back', hidden: true });
    fireEvent.click(buttons.at(-1) as HTMLElement);
    await waitFor(() => expect(done).toHaveBeenCalled());
    expect(asked).toHaveLength(1);
    expect(asked[0]?.url).toBe('/api/v1/rollouts/checkout.1/rollback');
    expect(JSON.parse(String(asked[0]?.init.body))).toEqual({ reason: 'slow', to: 'stable' });
    expect(asked[0]?.init.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  it('show a refusal where it was asked', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify({ code: 'illegal_transition', detail: 'pause is not possible' }), { status: 409 })));
    render(<ActionBar detail={detail()} isNewest onDone={() => {}} />);
    fireEvent.click(screen.getByRole('button', { name: 'Pause' }));
    fireEvent.click(screen.getAllByRole('button', { name: 'Pause', hidden: true }).at(-1) as HTMLElement);
    await waitFor(() => expect(screen.getByRole('alert', { hidden: true }).textContent).toBe('pause is not possible'));
  });
});

describe('a lost connection', () => {
  it('says of when the data is, and can be tried at once', () => {
    const retry = vi.fn();
    const since = new Date(2026, 0, 1, 12, 3, 7).getTime();
    render(<LostBanner link={{ kind: 'lost', since, retryAt: Date.now() + 5000, refusal: null }} onRetry={retry} />);
    expect(screen.getByRole('alert').textContent).toBe('Connection lost, showing data of 12:03:07.');
    fireEvent.click(screen.getByRole('button', { name: 'Try now' }));
    expect(retry).toHaveBeenCalled();
  });
  it('is not there while all is well', () => {
    const { container } = render(<LostBanner link={{ kind: 'live', since: 1, retryAt: null, refusal: null }} onRetry={() => {}} />);
    expect(container.textContent).toBe('');
  });
});

describe('a rollout', () => {
  it('shows the phases with the time left of this one', () => {
    render(<PhaseTrack detail={detail()} at={Date.now()} isLive={false} />);
    const steps = screen.getAllByRole('listitem');
    expect(steps.map((step) => plain(step).match(/done|now|to come/)?.[0])).toEqual(['done', 'now', 'to come', 'to come']);
    expect(plain(steps[1] as HTMLElement)).toContain('20 s left');
  });
  it('says what it waits for, in the words of the server', () => {
    const waitingOn = [{ kind: 'evidence', text: 'about 70 more requests', since: '2026-01-01T10:00:00Z', etaSeconds: 40 }];
    render(<Waiting detail={detail({ waitingOn })} at={Date.now()} isLive={false} />);
    expect(plain(screen.getByLabelText('What it waits for'))).toMatch(/Evidence.*about 70 more requests.*since.*about 40 s to go/);
  });
  it('says why it went back, with the evidence of that time', () => {
    const rollback = { fromPhase: 2, toPhase: null, trigger: 'errorsVsStable', evidence: ['canary 17 % errors (6/35)'], decidedAt: '2026-01-01T10:00:00Z' };
    render(<Waiting detail={detail({ status: 'rolled_back', waitingOn: [], rollback })} at={Date.now()} isLive={false} />);
    expect(plain(screen.getByLabelText('What it waits for'))).toMatch(/From 50 % to 0 % of traffic, by errors vs stable.*6\/35.*It stays there until/);
  });
  it('marks questions by words, not only by colour', () => {
    render(<Questions detail={detail()} />);
    expect(screen.getByText('Open')).toBeTruthy();
  });
  it('shows each test with its evidence and the limit', () => {
    const arm = { n: 1, sum: 1, estimate: null, low: null, high: null };
    const finding: Finding = { trigger: 'errorRate', name: 'errorRate', strength: 'warning', value: 3, limit: 1, text: 'canary 3 %', phi: 1, weight: 0.2, evidence: 42, evidenceAtFaceValue: 42, canary: arm, stable: arm };
    render(<EvidencePanel detail={detail({ findings: [finding] })} />);
    expect(screen.getByRole('img').getAttribute('aria-label')?.replace(/\u00a0/g, ' ')).toBe('Error rate over its limit: evidence 42 : 1, limit 100 : 1');
    expect(screen.getByText('Warning')).toBeTruthy();
  });
  it('has the reports that fit how it went', () => {
    expect(reportsOf('running', false)).toEqual(['performance', 'business']);
    expect(reportsOf('completed', true)).toEqual(['completion', 'rollback', 'performance', 'business']);
  });
});

describe('the list of runs', () => {
  const run = (name: string, rollout: string) => ({ ...detail({ run: name, rollout }), seenAt: 1 }) as SeenRun;
  const runs = [run('checkout.2', 'checkout'), run('search.1', 'search'), run('checkout.1', 'checkout')];
  it('has the newest of each service once', () => expect(newestOfEach(runs).map((one) => one.run)).toEqual(['checkout.2', 'search.1']));
  it('follows events, and says when it does not know a run', () => {
    const next = withEvent(runs, event('rollout_aborted', 3, { run: 'search.1', rollout: 'search', status: 'aborted' }), 9);
    expect(next?.[1]).toMatchObject({ status: 'aborted', endedAt: '2026-01-01T10:00:05.000Z', seenAt: 9 });
    expect(next?.[0]).toBe(runs[0]);
    expect(withEvent(runs, event('rollout_started', 4, { run: 'checkout.3' }), 9)).toBeNull();
  });
});
