// All rollouts of this server: the list once, then kept true by /events, and the timeline of all.
import { added, told, type Told } from '../lib/timeline';
import type { EventFrame, Run, Status } from '../lib/types';
import { openStream } from '../lib/sse';
import { ApiError, get, headers, session } from './session';
import { CONNECTING, Link, type LinkState } from './link';
import { Store } from './store';

/** Most runs that are kept. */
export const RUNS_MAX = 200;

/** A run, and when its status came, ms since 1970: countdowns go on from there. */
export type SeenRun = Run & { seenAt: number };

/** What is known of all rollouts. */
export interface Fleet {
  /** Newest first; null until the list has come. */
  runs: readonly SeenRun[] | null;
  /** Newest first. */
  timeline: readonly Told[];
  link: LinkState;
  error: string | null;
}

export const fleet = new Store<Fleet>({ runs: null, timeline: [], link: CONNECTING, error: null });

/** Called for every event, in order. */
const listeners = new Set<(event: EventFrame) => void>();

/** Follows every event; returns how to stop. */
export function onEvent(listener: (event: EventFrame) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const change = (part: Partial<Fleet>) => fleet.set({ ...fleet.get(), ...part });

/** Members of an event that are the status. */
function statusOf(event: EventFrame): Status {
  const { state, currentPhase, progress, health, estimatedCompletion, estimatedCompletionAt, rollout, run, region } = event;
  const { status, verdict, risk, waitingOn, split } = event;
  return {
    state, progress, status, waitingOn,
    currentPhase: currentPhase ?? null, health: health ?? null, estimatedCompletion: estimatedCompletion ?? null,
    estimatedCompletionAt: estimatedCompletionAt ?? null, rollout: rollout ?? null, run: run ?? null,
    region: region ?? null, verdict: verdict ?? null, risk: risk ?? null, split: split ?? null,
  };
}

const ENDS = new Set(['rollout_completed', 'rollout_aborted']);

/** The list after an event; null when it names a run that is not in it. */
export function withEvent(runs: readonly SeenRun[], event: EventFrame, seenAt: number): readonly SeenRun[] | null {
  const at = runs.findIndex((run) => run.run === event.run);
  const old = runs[at];
  if (!old) return event.run ? null : runs;
  const endedAt = ENDS.has(event.type) ? event.timestamp : event.state.isRunning ? null : (old.endedAt ?? null);
  return runs.with(at, { ...old, ...statusOf(event), endedAt, seenAt });
}

let loading = false;
let again = false;

/** Fetches the list; one request at a time, and once more when something came in between. */
export async function loadRuns(): Promise<void> {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  try {
    const { rollouts } = await get<{ rollouts: Run[] }>(`/api/v1/rollouts?limit=${RUNS_MAX}`);
    const seenAt = Date.now();
    change({ runs: rollouts.map((run) => ({ ...run, seenAt })), error: null });
  } catch (error) {
    change({ error: error instanceof ApiError ? error.message : String(error) });
  } finally {
    loading = false;
    if (again) {
      again = false;
      void loadRuns();
    }
  }
}

/** The newest run of each service and region, in the order of the list. */
export function newestOfEach<T extends Run>(runs: readonly T[]): T[] {
  const seen = new Set<string>();
  return runs.filter((run) => !seen.has(run.rollout ?? '') && seen.add(run.rollout ?? ''));
}

/** Events before this page was opened that are read for the timeline. */
const EARLIER_MAX = 300;

/** Reads the last events before `newest` into the timeline, once. */
function readEarlier(newest: number): void {
  if (newest === 0) return;
  const earlier = openStream({
    url: `/events?lastEventId=${Math.max(0, newest - EARLIER_MAX)}`,
    headers,
    onUp: () => {},
    onDown: () => earlier.close(),
    onRefused: () => {},
    onFrame: (frame) => {
      const event = { ...JSON.parse(frame.data), id: Number(frame.id) } as EventFrame;
      const words = told(event);
      if (words) change({ timeline: added(fleet.get().timeline, words) });
      if (event.id === undefined || event.id >= newest || event.type === 'initial_state') earlier.close();
    },
  });
}

let link: Link | null = null;
let hasEarlier = false;

/** Begins to follow; does nothing when it does already. */
export function startFleet(): void {
  if (link) return;
  void loadRuns();
  session.follow(() => {
    if (session.get().asked === null) void loadRuns();
  });
  link = new Link({
    url: '/events',
    onState: (state) => change({ link: state }),
    onUp: () => void loadRuns(),
    onFrame: (frame) => {
      const event = { ...JSON.parse(frame.data), id: Number(frame.id) } as EventFrame;
      if (event.type === 'initial_state' && !hasEarlier) {
        hasEarlier = true;
        readEarlier(event.id ?? 0);
      }
      const { runs, timeline } = fleet.get();
      const next = runs && withEvent(runs, event, Date.now());
      if (runs && next === null) void loadRuns();
      const words = told(event);
      change({ ...(next && { runs: next }), ...(words && { timeline: added(timeline, words) }) });
      for (const listener of listeners) listener(event);
    },
  });
}

/** Tries to connect at once. */
export const retryFleet = (): void => link?.retryNow();
