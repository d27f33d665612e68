// Where evidence stands on its meter. Evidence multiplies, so the meter is logarithmic: each step is ten times as much.
//
// The meter reaches from 0.1 : 1 to a little beyond the limit. What a test says in words comes from the server.
import type { Finding } from './types';

/** Evidence at the left end; below 1 : 1 speaks for the canary. */
export const METER_FROM = 0.1;
/** The limit stands here, percent of the width. */
export const LIMIT_AT = 80;

/** Where evidence stands, percent of the width from 0 to 100; the limit is at LIMIT_AT. */
export function meterAt(evidence: number, limit: number): number {
  if (!(evidence > METER_FROM) || !(limit > METER_FROM)) return 0;
  const decades = Math.log10(limit / METER_FROM);
  return Math.min(100, (LIMIT_AT * Math.log10(evidence / METER_FROM)) / decades);
}

/** Powers of ten below the limit, with their places. */
export function meterTicks(limit: number): { value: number; at: number }[] {
  const ticks = [];
  for (let value = 1; value < limit * 0.99; value *= 10) ticks.push({ value, at: meterAt(value, limit) });
  return ticks;
}

/** How strong evidence is, as the engine calls it. */
export type Strength = Finding['strength'];

/** The word for it. */
export const strengthWord: Record<Strength, string> = { quiet: 'Quiet', warning: 'Warning', shown: 'Shown worse' };

const WORDS: Record<string, string> = {
  errorRate: 'Error rate over its limit',
  errorsVsStable: 'More errors than stable',
  clientErrorsVsStable: 'More 4xx answers than stable',
  responseTimeVsStable: 'Slower than stable (mean)',
  satisfactionVsStable: 'Lower Apdex than stable',
  latencyVsStable: 'Slower than stable',
  responseTime: 'Mean response time over its limit',
  health: 'Health score below its limit',
};

/** What a test asks, in words: its trigger, and what its name says beyond it. */
export function testName(finding: Pick<Finding, 'name' | 'trigger'>): string {
  const { name, trigger } = finding;
  const extra = name.startsWith(trigger) ? name.slice(trigger.length).trim() : name;
  const known = WORDS[trigger];
  if (!known) return extra === '' || extra === name ? spaced(name) : `${spaced(trigger)}: ${extra}`;
  if (extra === '') return known;
  return `${known} ${/^p\d/.test(extra) ? `(${extra})` : `, by ${extra}`}`.replace(' ,', ',');
}

/** camelCase as words. */
export const spaced = (name: string): string => name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

/** Strongest first; what has no evidence keeps its order. */
export const byEvidence = (findings: readonly Finding[]): Finding[] => [...findings].sort((a, b) => b.evidence - a.evidence);
