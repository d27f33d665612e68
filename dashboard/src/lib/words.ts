// What a rollout's standing is called, and how it is marked. A mark is a word, a shape and a colour together.
import type { Status } from './types';

/** Shape of a mark. */
export type Mark = 'run' | 'wait' | 'pause' | 'back' | 'done' | 'stop' | 'none' | 'begin';
/** Colour of a mark. */
export type Colour = 'ok' | 'warn' | 'bad' | 'plain' | 'accent';

/** Whether it waits for more than time. */
export const isHeld = (run: Pick<Status, 'status' | 'waitingOn'>): boolean =>
  run.status === 'running' && run.waitingOn.some((one) => one.kind !== 'duration');

/** Whether it is under way. */
export const isUnderWay = (run: Pick<Status, 'status'>): boolean => ['pending', 'running', 'paused', 'rolling_back'].includes(run.status);

/** The word, shape and colour of a status. */
export function standing(run: Pick<Status, 'status' | 'waitingOn'>): { word: string; mark: Mark; colour: Colour } {
  if (isHeld(run)) return { word: 'Waiting', mark: 'wait', colour: 'warn' };
  switch (run.status) {
    case 'pending':
      return { word: 'Starting', mark: 'begin', colour: 'accent' };
    case 'running':
      return { word: 'Running', mark: 'run', colour: 'accent' };
    case 'paused':
      return { word: 'Paused', mark: 'pause', colour: 'warn' };
    case 'rolling_back':
      return { word: 'Rolling back', mark: 'back', colour: 'bad' };
    case 'rolled_back':
      return { word: 'Rolled back', mark: 'back', colour: 'bad' };
    case 'completed':
      return { word: 'Completed', mark: 'done', colour: 'ok' };
    case 'aborted':
      return { word: 'Aborted', mark: 'stop', colour: 'plain' };
    default:
      return { word: 'No rollout', mark: 'none', colour: 'plain' };
  }
}

/** The word, shape and colour of a verdict. */
export function verdictOf(verdict: string | null | undefined): { word: string; mark: Mark; colour: Colour } {
  switch (verdict) {
    case 'healthy':
      return { word: 'Healthy', mark: 'done', colour: 'ok' };
    case 'degraded':
      return { word: 'Degraded', mark: 'stop', colour: 'bad' };
    case 'inconclusive':
      return { word: 'Inconclusive', mark: 'wait', colour: 'plain' };
    default:
      return { word: 'No verdict', mark: 'none', colour: 'plain' };
  }
}

/** What kind of reason keeps it. */
export const waitingWord: Record<string, string> = {
  duration: 'Time',
  evidence: 'Evidence',
  criterion: 'Criterion',
  gate: 'Gate',
  source: 'Data',
  srm: 'Uneven split',
  concentrated: 'One instance',
  person: 'A person',
  router: 'Router',
};

/** The colour of a health score beside its limits; the number stands beside it. */
export const healthColour = (score: number | null | undefined): Colour => (score == null ? 'plain' : score >= 85 ? 'ok' : score >= 70 ? 'warn' : 'bad');
