// Events as sentences, newest first. At most TIMELINE_EVENTS_MAX are kept; measurements are no events of a timeline.
import { count, percent, span, millis } from './format';
import { spaced } from './evidence';
import type { EventFrame, WaitingOn } from './types';

/** Most events that are kept. */
export const TIMELINE_EVENTS_MAX = 500;

/** How an event is marked; the mark has a shape and a colour. */
export type Tone = 'start' | 'good' | 'move' | 'wait' | 'person' | 'warn' | 'bad' | 'end';

/** An event in words. */
export interface Told {
  id: number;
  at: number;
  run: string;
  rollout: string;
  title: string;
  lines: string[];
  who: string | null;
  reason: string | null;
  tone: Tone;
}

const phaseName = (position: unknown): string => (typeof position === 'number' ? `phase ${position}` : 'stable');
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** An event in words; null for measurements and for what a new connection is told. */
export function told(event: EventFrame): Told | null {
  const words = wordsOf(event);
  if (!words) return null;
  const base = { id: Number(event.id ?? 0), at: Date.parse(event.timestamp), run: event.run ?? '', rollout: event.rollout ?? '' };
  return { lines: [], ...base, ...words, who: text(event['actor']), reason: text(event['reason']) };
}

function wordsOf(event: EventFrame): Pick<Told, 'title' | 'tone'> & { lines?: string[] } | null {
  const share = percent(number(event['percentage']));
  switch (event.type) {
    case 'metrics_update':
    case 'initial_state':
      return null;
    case 'rollout_started':
      return { title: 'Rollout started', tone: 'start' };
    case 'phase_advanced':
      return {
        title: `Advanced to ${phaseName(event['toPhase'])}: ${share} of traffic`,
        tone: event['forced'] === true ? 'person' : 'good',
        lines: texts(event['overrode']).map((line) => `Overrode: ${line}`),
      };
    case 'phase_held':
      return { title: 'Waits', tone: 'wait', lines: event.waitingOn.map((one) => one.text) };
    case 'phase_released': {
      const waited = Array.isArray(event['waitedFor']) ? (event['waitedFor'] as WaitingOn[]) : [];
      return { title: 'Goes on', tone: 'move', lines: waited.map((one) => `Had waited for: ${one.text}`) };
    }
    case 'rollout_paused':
      return { title: 'Paused', tone: 'person' };
    case 'rollout_resumed':
      return { title: 'Resumed', tone: 'person' };
    case 'risk_alert':
      return { title: `Alert: ${spaced(String(event['trigger']))}`, tone: 'warn', lines: [text(event['text']) ?? `${count(number(event['value']))}, limit ${count(number(event['limit']))}`] };
    case 'rollback_started':
      return {
        title: `Rollback to ${phaseName(event['toPhase'])} (${share}) ${event['trigger'] === 'manual' ? 'by hand' : `by ${spaced(String(event['trigger']))}`}`,
        tone: 'bad',
        lines: texts(event['evidence']),
      };
    case 'rollback_completed': {
      const silent = texts(event['unconfirmed']);
      const lines = silent.length === 0 ? [] : [`Not confirmed by: ${silent.join(', ')}`];
      return { title: `Rollback confirmed after ${millis(number(event['recoveryMs']))}`, tone: 'move', lines };
    }
    case 'rollout_completed':
      return { title: `Completed after ${span((number(event['totalDurationMs']) ?? 0) / 1000)}`, tone: 'end' };
    case 'rollout_aborted':
      return { title: `Aborted after ${span((number(event['totalDurationMs']) ?? 0) / 1000)}`, tone: 'bad' };
    case 'gate_answered': {
      const no = event['answer'] === 'reject';
      return { title: `${no ? 'Rejected' : 'Approved'}: ${String(event['gate'])}`, tone: no ? 'bad' : 'person' };
    }
    case 'report_ready':
      return { title: `Report ready: ${String(event['kind'])}`, tone: 'end' };
    default:
      return { title: spaced(event.type.replaceAll('_', ' ')), tone: 'move' };
  }
}

/** The timeline with one more event: in order, none twice, none beyond the limit. */
export function added(timeline: readonly Told[], event: Told): readonly Told[] {
  if (timeline.some((one) => one.id === event.id)) return timeline;
  const at = timeline.findIndex((one) => one.id < event.id);
  const next = at < 0 ? [...timeline, event] : [...timeline.slice(0, at), event, ...timeline.slice(at)];
  return next.slice(0, TIMELINE_EVENTS_MAX);
}
