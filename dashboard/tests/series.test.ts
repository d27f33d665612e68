import { describe, expect, it } from 'vitest';
import { EMPTY, errorRates, merged, metricNames, phaseStarts, pick, SERIES_POINTS_MAX } from '../src/lib/series';
import { added, told, TIMELINE_EVENTS_MAX, type Told } from '../src/lib/timeline';
import { routeOf, hrefOf } from '../src/lib/route';
import { arm, event, point } from './fixtures';

const frame = (ats: number[], reset = false, stepSeconds = 1) => ({ stepSeconds, reset, points: ats.map((at) => point(at)) });

describe('points', () => {
  it('of the same time replace each other, all others are kept in order', () => {
    let series = merged(EMPTY, frame([1000, 2000], true));
    series = merged(series, { stepSeconds: 1, reset: false, points: [point(2000, { share: 25 }), point(3000)] });
    expect(series.points.map((p) => [p.at, p.share])).toEqual([[1000, 5], [2000, 25], [3000, 5]]);
  });
  it('are forgotten at a reset', () => {
    const series = merged(merged(EMPTY, frame([1000, 2000])), frame([2000], true, 2));
    expect([series.stepSeconds, series.points.length]).toEqual([2, 1]);
  });
  it('are the same value when nothing is new', () => {
    const series = merged(EMPTY, frame([1000], true));
    expect(merged(series, frame([]))).toBe(series);
  });
  it('never are more than the limit', () => {
    let series = EMPTY;
    for (let at = 0; at < 2 * SERIES_POINTS_MAX; at++) series = merged(series, frame([at * 1000]));
    expect(series.points).toHaveLength(SERIES_POINTS_MAX);
    expect(series.points[0]?.at).toBe(SERIES_POINTS_MAX * 1000);
  });
});

describe('what is drawn', () => {
  const series = {
    stepSeconds: 1,
    points: [
      point(0, { canary: arm(0) }),
      point(1000, { canary: arm(10, 1) }),
      point(2000, { canary: arm(30, 0), phase: 1 }),
      point(3000, { canary: arm(10, 0, { metrics: { revenue: 3 } }), phase: 1 }),
    ],
  };
  it('is an error rate over the window, from counts', () => {
    expect(errorRates(series, 'canary', 2)).toEqual([null, 10, 2.5, 0]);
    const late = { ...series, points: [...series.points, point(9000, { canary: arm(4, 1) })] };
    expect(errorRates(late, 'canary', 2)[4]).toBe(25);
  });
  it('has gaps where nothing is known', () => expect(pick(series, 'canary', (a) => a.metrics['revenue'])).toEqual([null, null, null, 3]));
  it('marks where phases begin', () => expect(phaseStarts(series)).toEqual([{ at: 0, phase: 0 }, { at: 2, phase: 1 }]));
  it('has the custom metrics that came', () => expect(metricNames(series)).toEqual(['revenue']));
});

describe('the timeline', () => {
  it('leaves measurements out', () => expect([told(event('metrics_update', 1)), told(event('initial_state', 1))]).toEqual([null, null]));
  it('tells who did what and why', () => {
    const paused = told(event('rollout_paused', 4, { actor: 'ci', reason: 'coffee' }));
    expect(paused).toMatchObject({ id: 4, title: 'Paused', who: 'ci', reason: 'coffee', tone: 'person' });
  });
  it('tells a rollback with its evidence', () => {
    const back = told(event('rollback_started', 5, { toPhase: null, percentage: 0, trigger: 'errorsVsStable', evidence: ['5 of 88'] }));
    expect(back?.title.replace(/\u00a0/g, ' ')).toBe('Rollback to stable (0 %) by errors vs stable');
    expect(back?.lines).toEqual(['5 of 88']);
  });
  it('tells what it does not know by its name', () => expect(told(event('report_shredded', 6))?.title).toBe('report shredded'));
  it('is newest first, has none twice, and is bounded', () => {
    const one = (id: number) => ({ id }) as Told;
    let timeline: readonly Told[] = [];
    for (const id of [2, 1, 3, 2]) timeline = added(timeline, one(id));
    expect(timeline.map((e) => e.id)).toEqual([3, 2, 1]);
    for (let id = 4; id < TIMELINE_EVENTS_MAX + 50; id++) timeline = added(timeline, one(id));
    expect(timeline).toHaveLength(TIMELINE_EVENTS_MAX);
    expect(timeline[0]?.id).toBe(TIMELINE_EVENTS_MAX + 49);
  });
});

describe('addresses', () => {
  it('name pages', () => {
    expect(routeOf('')).toEqual({ page: 'overview' });
    expect(routeOf('#/')).toEqual({ page: 'overview' });
    expect(routeOf('#/kpis')).toEqual({ page: 'kpis' });
    expect(routeOf('#/nothing')).toEqual({ page: 'unknown' });
    expect(routeOf('#/rollouts/%')).toEqual({ page: 'rollout', name: '%' });
  });
  it('lead back to the same rollout', () => {
    for (const name of ['checkout', 'search@eu-west-1', 'a/b', 'checkout.3']) expect(routeOf(hrefOf(name))).toEqual({ page: 'rollout', name });
  });
});
