import { describe, expect, it } from 'vitest';
import { byEvidence, LIMIT_AT, meterAt, meterTicks, METER_FROM, spaced, testName } from '../src/lib/evidence';
import type { Finding } from '../src/lib/types';

describe('the meter', () => {
  it('has the limit at its place, whatever the limit is', () => {
    for (const limit of [20, 99.99999, 100, 1000]) expect(meterAt(limit, limit)).toBeCloseTo(LIMIT_AT);
  });
  it('grows by the same step for each factor of ten', () => {
    const steps = [1, 10, 100].map((value) => meterAt(value * 10, 1000) - meterAt(value, 1000));
    expect(steps[1]).toBeCloseTo(steps[0] ?? NaN);
    expect(steps[2]).toBeCloseTo(steps[0] ?? NaN);
  });
  it('stays within its ends', () => {
    for (const value of [0, METER_FROM, 1e-300, NaN, -1]) expect(meterAt(value, 100)).toBe(0);
    for (const value of [1e9, 1e300, Infinity]) expect(meterAt(value, 100)).toBe(100);
  });
  it('has a tick at each power of ten below the limit', () => {
    expect(meterTicks(99.99999999999996).map((tick) => tick.value)).toEqual([1, 10]);
    expect(meterTicks(1000).map((tick) => tick.value)).toEqual([1, 10, 100]);
  });
});

describe('the name of a test', () => {
  const cases: [string, string, string][] = [
    ['errorRate', 'errorRate', 'Error rate over its limit'],
    ['errorsVsStable', 'errorsVsStable batches', 'More errors than stable, by batches'],
    ['latencyVsStable', 'latencyVsStable p99.9', 'Slower than stable (p99.9)'],
    ['metric', 'conversion', 'conversion'],
    ['somethingNew', 'somethingNew', 'something new'],
  ];
  it.each(cases)('%s, %s', (trigger, name, want) => expect(testName({ trigger, name })).toBe(want));
  it('has no camel case', () => expect(spaced('responseTimeVsStable')).toBe('response time vs stable'));
});

it('the strongest test comes first', () => {
  const finding = (name: string, evidence: number) => ({ name, evidence }) as Finding;
  expect(byEvidence([finding('a', 1), finding('b', 3), finding('c', 1)]).map((f) => f.name)).toEqual(['b', 'a', 'c']);
});
