// Points of a run over time, as the charts take them. At most SERIES_POINTS_MAX are kept.
//
// The server says whether a frame replaces everything or goes on; a point of the same time replaces the older one.
import type { LiveArm, LiveFrame, LivePoint } from './types';

/** Most points that are kept. */
export const SERIES_POINTS_MAX = 600;

/** The points that are known, oldest first. */
export interface Series {
  stepSeconds: number;
  points: readonly LivePoint[];
}

export const EMPTY: Series = { stepSeconds: 1, points: [] };

/** What is known after one more frame. */
export function merged(series: Series, frame: LiveFrame['series']): Series {
  const { stepSeconds, reset } = frame;
  if (!reset && frame.points.length === 0) return series;
  const byTime = new Map((reset ? [] : series.points).map((point) => [point.at, point]));
  for (const point of frame.points) byTime.set(point.at, point);
  const points = [...byTime.values()].sort((a, b) => a.at - b.at);
  return { stepSeconds, points: points.slice(-SERIES_POINTS_MAX) };
}

/** Seconds since 1970, as the charts count. */
export const times = (series: Series): number[] => series.points.map((point) => point.at / 1000);

/** One number of a variant over time. */
export const pick = (series: Series, variant: 'canary' | 'stable', of: (arm: LiveArm) => number | null | undefined): (number | null)[] =>
  series.points.map((point) => of(point[variant]) ?? null);

/** Errors per 100 requests over the last `seconds` before the end of each step; null while there was no request in them. */
export function errorRates(series: Series, variant: 'canary' | 'stable', seconds: number): (number | null)[] {
  let [requests, errors, from] = [0, 0, 0];
  return series.points.map((point) => {
    requests += point[variant].requests;
    errors += point[variant].errors;
    for (let old = series.points[from]; old && old.at <= point.at - seconds * 1000; old = series.points[++from]) {
      requests -= old[variant].requests;
      errors -= old[variant].errors;
    }
    return requests > 0 ? (100 * errors) / requests : null;
  });
}

/** Where a phase begins, with its position (null = at stable). */
export function phaseStarts(series: Series): { at: number; phase: number | null }[] {
  const starts: { at: number; phase: number | null }[] = [];
  for (const point of series.points) {
    const phase = point.phase ?? null;
    if (starts.length === 0 || starts[starts.length - 1]?.phase !== phase) starts.push({ at: point.at / 1000, phase });
  }
  return starts;
}

/** Names of custom metrics that any point has. */
export function metricNames(series: Series): string[] {
  const names = new Set<string>();
  for (const point of series.points) {
    for (const arm of [point.canary, point.stable]) for (const name of Object.keys(arm.metrics)) names.add(name);
  }
  return [...names].sort();
}
