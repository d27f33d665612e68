import { describe, expect, it } from 'vitest';
import { ACTIONS, consequences, isPossible, targetsOf, whyNot, type Action } from '../src/lib/actions';
import { detail } from './fixtures';

describe('what a person may do', () => {
  const table: Record<string, Action[]> = {
    none: [],
    pending: ['abort'],
    running: ['pause', 'advance', 'rollback', 'abort'],
    paused: ['resume', 'advance', 'rollback', 'abort'],
    rolling_back: ['abort'],
    rolled_back: ['resume', 'advance', 'abort'],
    completed: ['rollback'],
    aborted: [],
  };
  it.each(Object.entries(table))('%s', (status, may) => {
    expect(ACTIONS.filter((action) => isPossible(action, detail({ status })))).toEqual(may);
    for (const action of ACTIONS) {
      if (!may.includes(action)) expect(whyNot(action, detail({ status }))).toMatch(/\.$/);
    }
  });
  it('nothing with a run that a newer one replaced', () => {
    const old = detail({ status: 'rolled_back', endedAt: '2026-01-01T11:00:00Z' });
    expect(ACTIONS.filter((action) => isPossible(action, old))).toEqual([]);
    expect(ACTIONS.filter((action) => isPossible(action, detail({ status: 'completed' }), false))).toEqual([]);
  });
  it('resume what was quarantined', () => expect(isPossible('resume', detail({ quarantine: 'defect' }))).toBe(true));
});

describe('what will happen', () => {
  const first = (...given: Parameters<typeof consequences>) => consequences(...given)[0]?.replace(/\u00a0/g, ' ');
  it('says from where to where traffic goes', () => {
    expect(first('advance', detail())).toBe('Traffic of the canary goes from 25 % to 50 % at once.');
    expect(first('abort', detail())).toBe('Traffic of the canary goes from 25 % to 0 % at once.');
    expect(first('pause', detail())).toBe('Traffic of the canary stays at 25 %.');
    expect(first('rollback', detail(), 'previous')).toBe('Traffic of the canary goes from 25 % to 5 % at once.');
    expect(first('rollback', detail(), 'stable')).toBe('Traffic of the canary goes from 25 % to 0 % at once.');
  });
  it('says what an advance overrides', () => expect(consequences('advance', detail()).join(' ')).toContain('overrides what is not shown yet: errorRate'));
  it('says that the last advance completes it', () => {
    const last = detail({ state: { ...detail().state, currentPhase: 3 }, split: { epoch: 4, canary: 100_000 } });
    expect(consequences('advance', last).join(' ')).toContain('1.5.0 is the current version');
  });
  it('begins the phase again after a rollback to stable', () => {
    const back = detail({ status: 'rolled_back', state: { ...detail().state, currentPhase: null }, split: { epoch: 3, canary: 0 } });
    expect(first('resume', back)).toBe('Traffic of the canary goes from 0 % to 5 % at once.');
  });
});

describe('where a rollback can go', () => {
  const to = (change: Parameters<typeof detail>[0]) => targetsOf(detail(change)).map((target) => target.to);
  const at = (currentPhase: number | null) => ({ state: { ...detail().state, currentPhase } });
  it('nearest first, and always to stable', () => {
    expect(to(at(3))).toEqual(['previous', 1, 0, 'stable']);
    expect(to(at(1))).toEqual(['previous', 'stable']);
    expect(to(at(0))).toEqual(['stable']);
    expect(to({ ...at(3), status: 'completed' })).toEqual(['stable']);
  });
});
