// Releases in words: their shapes, how their steps stand, and what a person may do. The server decides again.
//
// The shapes are written here by hand, since the document of the API leaves bodies of releases open.
import type { Colour, Mark } from './words';
import type { WaitingOn } from './types';

/** A release as the list has it. */
export interface ReleaseSummary {
  id: string;
  service: string;
  region: string | null;
  environment: string | null;
  strategy: string;
  versions: { stable: string; canary: string };
  step: string;
  /** running, success, failed, partial, rolled-back or cancelled. */
  status: string;
  overallStatus: string | null;
  why: string | null;
  rollout: string | null;
  /** Points, 0 to 100; null before it is assessed. */
  risk: number | null;
  startedAt: string;
  endedAt: string | null;
  actor: string;
  reason: string | null;
  waitingOn: WaitingOn[];
}

/** A gate: of a release, or of a phase of a rollout, where how it stands is known of the present phase only. */
export interface Gate {
  kind?: string;
  text: string;
  open?: boolean;
  answer?: string | null;
  approvals?: { actor: string; reason: string | null; at: string }[];
}

/** A work of a release; `unknown`: nobody can say whether it was done. */
export interface ReleaseTask {
  id: number;
  step: string;
  work: string;
  attempt: number;
  state: string;
  text: string | null;
  beganAt: string;
  endedAt: string | null;
}

/** A release with everything that is known. */
export interface ReleaseDetail extends ReleaseSummary {
  autoApprove: boolean;
  riskDetail: { score: number; limit: number | null; parts: { name: string; points: number; text: string }[] } | null;
  findings: { check: string; severity: string; message: string; place: string | null; fixable: boolean }[];
  tasks: ReleaseTask[];
  gates: Gate[];
  rolloutDetail: { run: string; status: string; phase: number | null; superseded: boolean; why: string | null } | null;
  timeline: { at: string; step: string; text: string; actor: string | null; reason: string | null }[];
  retireAt: string | null;
  retired: boolean;
  log?: string[];
}

/** The steps in their order, where nothing goes back. */
export const STEPS = ['prepare', 'check', 'assess', 'approve', 'deploy', 'rollout', 'verify', 'finish'] as const;

export type StepStanding = 'done' | 'now' | 'todo' | 'stopped';

/** Whether it is under way. */
export const isOpen = (release: Pick<ReleaseSummary, 'overallStatus'>): boolean => release.overallStatus === null;

/** The line of steps. One that goes back has the steps that it had reached, and then undo. */
export function stepLine(release: Pick<ReleaseDetail, 'step' | 'overallStatus' | 'timeline'>): { step: string; how: StepStanding }[] {
  const seen = new Set([...release.timeline.map((moment) => moment.step), release.step]);
  const steps: string[] = seen.has('undo') ? [...STEPS.filter((step) => seen.has(step) && step !== 'finish'), 'undo'] : [...STEPS];
  if (seen.has('undo') && release.step === 'finish') steps.push('finish');
  const at = steps.indexOf(release.step);
  return steps.map((step, i) => ({ step, how: i < at ? 'done' : i > at ? 'todo' : isOpen(release) ? 'now' : endOf(release.overallStatus, step) }));
}

const endOf = (overall: string | null, step: string): StepStanding => (overall === 'success' || step === 'undo' || step === 'finish' ? 'done' : 'stopped');

/** The word, shape and colour of how a release stands. */
export function releaseStanding(release: Pick<ReleaseSummary, 'overallStatus' | 'step' | 'waitingOn'>): { word: string; mark: Mark; colour: Colour } {
  switch (release.overallStatus) {
    case 'success':
      return { word: 'Success', mark: 'done', colour: 'ok' };
    case 'failed':
      return { word: 'Failed', mark: 'stop', colour: 'bad' };
    case 'partial':
      return { word: 'Partial', mark: 'stop', colour: 'warn' };
    case 'rolled-back':
      return { word: 'Rolled back', mark: 'back', colour: 'bad' };
    case 'cancelled':
      return { word: 'Cancelled', mark: 'stop', colour: 'plain' };
    default:
      if (release.waitingOn.some((one) => one.kind === 'gate' || one.kind === 'person')) return { word: 'Waiting', mark: 'wait', colour: 'warn' };
      return release.step === 'undo' ? { word: 'Going back', mark: 'back', colour: 'bad' } : { word: 'Running', mark: 'run', colour: 'accent' };
  }
}

/** Whether people can answer this gate now: a window or a webhook answers by itself. */
export const asksPeople = (gate: Gate): boolean =>
  gate.open === false && (gate.answer ?? null) === null && (gate.kind === undefined ? /^(an approval|\d+ approvals)$/.test(gate.text) : gate.kind === 'approval');

export const RELEASE_ACTIONS = ['approve', 'reject', 'cancel', 'undo'] as const;
export type ReleaseAction = (typeof RELEASE_ACTIONS)[number];

/** What is on a button. Cancel is written in full, since a dialog has a button of that word. */
export const releaseActionWord: Record<ReleaseAction, string> = { approve: 'Approve', reject: 'Reject', cancel: 'Cancel release', undo: 'Undo' };

/** Why an action is not possible now; null when it is. */
export function whyNotRelease(action: ReleaseAction, release: ReleaseDetail): string | null {
  const open = isOpen(release);
  switch (action) {
    case 'approve':
    case 'reject':
      if (!open) return 'It is over: nothing waits for an answer.';
      return release.waitingOn.some((one) => one.kind === 'gate') && release.gates.some(asksPeople) ? null : 'It waits for no approval now.';
    case 'cancel':
      if (!open) return 'It is over; a finished one can be undone.';
      return release.step === 'undo' ? 'It goes back already.' : null;
    case 'undo':
      if (open) return release.step === 'undo' ? 'It goes back already.' : 'It is under way: cancel it instead.';
      if (release.overallStatus !== 'success') return 'It did not succeed: nothing of it is left to undo.';
      if (release.retired || release.tasks.some((task) => ['running', 'waiting', 'unknown'].includes(task.state))) return 'The old version was retired: release it again, with stable and canary exchanged.';
      return release.rolloutDetail?.superseded ? 'A newer rollout took its place.' : null;
  }
}

/** What will happen, a sentence each. */
export function releaseConsequences(action: ReleaseAction, release: ReleaseDetail): string[] {
  const { stable, canary } = release.versions;
  switch (action) {
    case 'approve':
      return ['Your approval is counted; the release goes on when nobody else is asked.', `${canary} is to be deployed beside ${stable}.`];
    case 'reject':
      return ['The release ends here.', `What was done for ${canary} is taken back; ${stable} stays.`];
    case 'cancel':
      return ['The release stops and goes back.', `Traffic goes back to ${stable}, and what was deployed for ${canary} is taken away.`];
    case 'undo':
      return [`Traffic goes back to ${stable}.`, `What was deployed for ${canary} is taken away.`];
  }
}

/** How a person can end a work of unknown outcome. */
export const RESOLUTIONS = [
  { as: 'done', word: 'Done', will: 'It counts as done, and the release goes on from there.' },
  { as: 'failed', word: 'Failed', will: 'It counts as failed, and the release goes back.' },
  { as: 'again', word: 'Again', will: 'It is begun once more. Be sure that doing it twice does no harm.' },
] as const;

/** The colour and mark of a finding. */
export function severityOf(severity: string): { word: string; mark: Mark; colour: Colour } {
  if (/block|error|critical|fail/.test(severity)) return { word: severity, mark: 'stop', colour: 'bad' };
  if (/warn/.test(severity)) return { word: severity, mark: 'wait', colour: 'warn' };
  return { word: severity, mark: 'none', colour: 'plain' };
}

const TASKS: Record<string, { mark: Mark; colour: Colour }> = {
  running: { mark: 'run', colour: 'accent' }, waiting: { mark: 'wait', colour: 'warn' }, done: { mark: 'done', colour: 'ok' },
  failed: { mark: 'stop', colour: 'bad' }, unknown: { mark: 'wait', colour: 'bad' },
};

/** The mark of a work's state. */
export const taskStanding = (state: string): { word: string; mark: Mark; colour: Colour } => ({ word: state, ...(TASKS[state] ?? { mark: 'none', colour: 'plain' }) });
