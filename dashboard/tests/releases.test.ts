import { describe, expect, it } from 'vitest';
import { gatesNow } from '../src/components/PhaseGates';
import { asksPeople, RELEASE_ACTIONS, releaseStanding, stepLine, whyNotRelease, type ReleaseDetail } from '../src/lib/releases';
import { releaseHref, routeOf } from '../src/lib/route';
import { told } from '../src/lib/timeline';
import { detail, event } from './fixtures';

const since = '2026-01-01T10:00:00Z';
const moment = (step: string) => ({ at: since, step, text: step, actor: null, reason: null });
const release = (change: Partial<ReleaseDetail> = {}): ReleaseDetail => ({
  id: 'checkout.1', service: 'checkout', region: null, environment: 'prod', strategy: 'canary', versions: { stable: '1.4.2', canary: '1.5.0' },
  step: 'approve', status: 'running', overallStatus: null, why: null, rollout: null, risk: 40, startedAt: since, endedAt: null, actor: 'ann', reason: null,
  waitingOn: [{ kind: 'gate', text: 'an approval', since, etaSeconds: null }], autoApprove: false, riskDetail: null, findings: [], tasks: [],
  gates: [{ text: 'an approval', open: false, answer: null, approvals: [] }], rolloutDetail: null, timeline: ['prepare', 'check', 'assess'].map(moment), retireAt: null, retired: false,
  ...change,
});
const may = (change: Partial<ReleaseDetail>) => RELEASE_ACTIONS.filter((action) => whyNotRelease(action, release(change)) === null);
const over = (overallStatus: string, change: Partial<ReleaseDetail> = {}) => ({ step: 'finish', overallStatus, endedAt: since, waitingOn: [], ...change });

describe('what a person may do with a release', () => {
  it('answers and cancels while people are asked', () => expect(may({})).toEqual(['approve', 'reject', 'cancel']));
  it('does not answer for a window or a webhook', () => {
    expect(asksPeople({ text: 'the webhook https://approval.example', open: false, answer: null })).toBe(false);
    expect(may({ gates: [{ text: 'the window Mon-Fri', open: false, answer: null }] })).toEqual(['cancel']);
    expect(asksPeople({ kind: 'approval', text: '2 approvals', open: true, answer: 'approve' })).toBe(false);
  });
  it('cancels nothing that goes back', () => expect(may({ step: 'undo', waitingOn: [] })).toEqual([]));
  it('undoes a success that still has its old version', () => {
    expect(may(over('success'))).toEqual(['undo']);
    expect(may(over('success', { retired: true }))).toEqual([]);
    expect(may(over('success', { rolloutDetail: { run: 'a.1', status: 'completed', phase: null, superseded: true, why: null } }))).toEqual([]);
    expect(may(over('failed'))).toEqual([]);
  });
  it('says why not', () => expect(whyNotRelease('undo', release())).toBe('It is under way: cancel it instead.'));
});

describe('the line of steps', () => {
  const line = (change: Partial<ReleaseDetail>) => stepLine(release(change)).map(({ step, how }) => `${step} ${how}`);
  it('marks the present one', () => expect(line({})).toEqual(['prepare done', 'check done', 'assess done', 'approve now', 'deploy todo', 'rollout todo', 'verify todo', 'finish todo']));
  it('is done after a success', () => expect(line(over('success')).at(-1)).toBe('finish done'));
  it('ends with undo where it goes back', () => expect(line({ step: 'undo', timeline: ['prepare', 'deploy'].map(moment) })).toEqual(['prepare done', 'deploy done', 'undo now']));
  it('says where it stopped', () => expect(line(over('failed', { step: 'check' }))[1]).toBe('check stopped'));
});

describe('words and addresses', () => {
  it('of a release', () => {
    expect(releaseStanding(release()).word).toBe('Waiting');
    expect(releaseStanding(release({ overallStatus: 'rolled-back' })).word).toBe('Rolled back');
    expect(routeOf('#/releases')).toEqual({ page: 'releases' });
    expect(routeOf(releaseHref('search@eu.r1'))).toEqual({ page: 'release', name: 'search@eu.r1' });
  });
  it('of an answered gate', () => {
    const said = told(event('gate_answered', 9, { phase: 1, gate: '2 approvals', answer: 'approve', actor: 'bob', reason: 'looked at it' }));
    expect(said).toMatchObject({ title: 'Approved: 2 approvals', who: 'bob', reason: 'looked at it', tone: 'person' });
  });
  it('of gates that an older server does not send', () => expect(gatesNow(detail())).toEqual([]));
});
