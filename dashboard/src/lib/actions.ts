// What a person may do with a rollout, why not, and what will happen.
//
// The table is that of the engine, which decides again: a button that is wrong here is refused there, and changes nothing.
import { percent, span } from './format';
import type { Detail } from './types';

/** The actions, in the order of the buttons. */
export const ACTIONS = ['pause', 'resume', 'advance', 'rollback', 'abort'] as const;
export type Action = (typeof ACTIONS)[number];

/** Where a rollback goes. */
export type Target = 'previous' | 'stable' | number;

/** What is on a button. */
export const actionWord: Record<Action, string> = {
  pause: 'Pause',
  resume: 'Resume',
  advance: 'Advance',
  rollback: 'Roll back',
  abort: 'Abort',
};

type Standing = Pick<Detail, 'status' | 'endedAt' | 'quarantine'>;

const POSSIBLE: Record<string, readonly Action[]> = {
  pending: ['abort'],
  running: ['pause', 'advance', 'rollback', 'abort'],
  paused: ['resume', 'advance', 'rollback', 'abort'],
  rolling_back: ['abort'],
  rolled_back: ['resume', 'advance', 'abort'],
  completed: ['rollback'],
};

/** Whether a newer run took this one's place, or it ended for good. */
const isOver = (run: Standing): boolean => run.status === 'rolled_back' && run.endedAt !== null && run.endedAt !== undefined;

/** Whether an action is possible now. */
export function isPossible(action: Action, run: Standing, isNewest = true): boolean {
  return whyNot(action, run, isNewest) === null;
}

/** Why an action is not possible now; null when it is. */
export function whyNot(action: Action, run: Standing, isNewest = true): string | null {
  if (!isNewest || isOver(run)) return 'A newer rollout took its place.';
  if (action === 'resume' && run.status === 'running' && run.quarantine) return null;
  if (POSSIBLE[run.status]?.includes(action)) return null;
  switch (run.status) {
    case 'pending':
      return 'The first split is not confirmed yet; only abort is possible.';
    case 'running':
      return 'It is running already.';
    case 'paused':
      return 'It is paused already.';
    case 'rolling_back':
      return 'Traffic is moving back; until that is confirmed only abort is possible.';
    case 'rolled_back':
      return action === 'pause' ? 'It stands still after a rollback: there is nothing to pause.' : 'It was rolled back already; resume it first.';
    case 'completed':
      return 'It is complete; only a rollback to stable is possible.';
    case 'aborted':
      return 'It was aborted; a new start is possible.';
    default:
      return 'Not possible now.';
  }
}

/** The canary's share of traffic now, percent. */
export const shareNow = (detail: Pick<Detail, 'split'>): number => (detail.split?.canary ?? 0) / 1000;

/** The phase before, as `previous` means it: null is stable. */
export function previousOf(detail: Detail): number | null {
  const at = detail.state.currentPhase ?? 0;
  return detail.status === 'completed' || at === 0 ? null : at - 1;
}

/** Where a rollback can go from here, nearest first. */
export function targetsOf(detail: Detail): { to: Target; label: string; share: number }[] {
  const stable = { to: 'stable' as Target, label: `Stable ${detail.versions.stable.version}`, share: 0 };
  const previous = previousOf(detail);
  if (previous === null) return [stable];
  const phases = detail.phases.slice(0, previous + 1).reverse();
  const of = (phase: Detail['phases'][number], i: number) => ({
    to: (i === 0 ? 'previous' : phase.position) as Target,
    label: `${i === 0 ? 'Previous phase' : 'Phase'} ${phase.position}: ${phase.description}`,
    share: phase.percentage,
  });
  return [...phases.map(of), stable];
}

function move(from: number, to: number): string {
  if (from === to) return `Traffic of the canary stays at ${percent(from)}.`;
  return `Traffic of the canary goes from ${percent(from)} to ${percent(to)} at once.`;
}

const ATTEMPT = 'A new attempt begins: evidence against the canary is counted from nothing again.';

/** What will happen, a sentence each. */
export function consequences(action: Action, detail: Detail, target: Target = 'previous'): string[] {
  const now = shareNow(detail);
  const at = detail.state.currentPhase ?? null;
  const phase = at === null ? undefined : detail.phases[at];
  switch (action) {
    case 'pause':
      return [
        move(now, now),
        'No phase ends while it is paused. Measuring goes on, and automatic rollback stays armed.',
      ];
    case 'resume': {
      if (detail.status !== 'rolled_back') {
        const left = phase ? Math.max(0, phase.durationSeconds - detail.watchedSeconds) : 0;
        return [move(now, now), left > 0 ? `This phase goes on with ${span(left)} left.` : 'The time of this phase is over: it advances as soon as nothing is left to wait for.'];
      }
      const again = detail.phases[at ?? 0];
      return [move(now, again?.percentage ?? 0), `Phase ${at ?? 0} begins again, with its full time.`, ATTEMPT];
    }
    case 'advance': {
      const next = detail.phases[at === null ? 0 : at + 1];
      const open = detail.questions.filter((question) => !question.answered || !question.met);
      const overrides = open.length === 0 ? [] : [`It overrides what is not shown yet: ${open.map((q) => q.name).join(', ')}.`];
      if (detail.status === 'rolled_back' && detail.rollback) overrides.unshift(`It overrides the rollback by ${detail.rollback.trigger}.`);
      if (!next) {
        const { version } = detail.versions.canary;
        return [move(now, 100), `The rollout is complete then, and ${version} is the current version.`, ...overrides];
      }
      return [move(now, next.percentage), `Phase ${next.position} begins: ${next.description}.`, ...overrides, ATTEMPT];
    }
    case 'rollback': {
      const chosen = targetsOf(detail).find((one) => one.to === target) ?? targetsOf(detail)[0];
      const after = chosen?.to === 'stable' ? ['The rollout stays at stable until somebody resumes it.'] : ['It stays there, still judged, until somebody resumes it.'];
      if (detail.status === 'completed') after.unshift(`${detail.versions.stable.version} is the current version again.`);
      return [move(now, chosen?.share ?? 0), ...after];
    }
    case 'abort':
      return [move(now, 0), 'This rollout ends for good: it cannot be resumed, only started anew.'];
  }
}
