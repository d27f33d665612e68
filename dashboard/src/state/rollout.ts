// One rollout, live: its detail and its measurements over time by /live, its events by the history and /events.
//
// A server without /live is asked for the detail after each of its events instead; the charts stay away then.
import { useEffect, useState } from 'react';
import { EMPTY, merged, type Series } from '../lib/series';
import { added, told, type Told } from '../lib/timeline';
import type { Detail, EventFrame, LiveFrame } from '../lib/types';
import { onEvent } from './fleet';
import { CONNECTING, Link, type LinkState } from './link';
import { ApiError, get } from './session';
import { Store, useStore } from './store';

/** Events of one page of the history. */
const PAGE = 1000;
/** Most pages that are read. */
const PAGES_MAX = 50;

/** What is known of one rollout. */
export interface RolloutState {
  detail: Detail | null;
  /** When the detail came, ms since 1970. */
  at: number;
  series: Series;
  timeline: readonly Told[];
  link: LinkState;
  /** Whether the server streams measurements; null until that is known. */
  hasLive: boolean | null;
  error: ApiError | null;
}

const BEGIN: RolloutState = { detail: null, at: 0, series: EMPTY, timeline: [], link: CONNECTING, hasLive: null, error: null };

/** Follows one rollout until it is closed. */
export class RolloutLink {
  readonly store = new Store<RolloutState>(BEGIN);
  private readonly link: Link;
  private readonly stop: () => void;
  private closed = false;
  private run: string | null = null;
  private asking = false;

  constructor(private readonly name: string) {
    const path = `/api/v1/rollouts/${encodeURIComponent(name)}`;
    this.link = new Link({
      url: `${path}/live`,
      onState: (link) => this.onState(link),
      onFrame: (frame) => {
        const { detail, series } = JSON.parse(frame.data) as LiveFrame;
        this.takeDetail(detail, { series: merged(this.store.get().series, series), hasLive: true });
      },
    });
    this.stop = onEvent((event) => this.onEvent(event));
  }

  close(): void {
    this.closed = true;
    this.stop();
    this.link.close();
  }

  retryNow(): void {
    this.link.retryNow();
  }

  /** Takes a detail that came as the answer to an action. */
  takeDetail(detail: Detail, more: Partial<RolloutState> = {}): void {
    if (this.closed) return;
    this.change({ detail, at: Date.now(), error: null, ...more });
    if (detail.run && detail.run !== this.run) {
      this.run = detail.run;
      this.change({ timeline: [] });
      void this.loadHistory(detail.run);
    }
  }

  private change(part: Partial<RolloutState>) {
    this.store.set({ ...this.store.get(), ...part });
  }

  private onState(link: LinkState) {
    const { refusal } = link;
    if (!refusal || refusal.status === 401) return this.change({ link });
    const error = new ApiError(refusal.status, refusal.code, refusal.detail);
    if (!error.isMissing) return this.change({ link, error });
    this.change({ link, hasLive: false });
    void this.loadDetail();
  }

  private onEvent(event: EventFrame) {
    const { detail, hasLive, timeline } = this.store.get();
    const isOurs = event.run === this.run || event.rollout === this.name;
    if (!isOurs) return;
    if (hasLive === false || !detail) void this.loadDetail();
    const words = event.run === this.run ? told(event) : null;
    if (words) this.change({ timeline: added(timeline, words) });
  }

  private async loadDetail() {
    if (this.asking) return;
    this.asking = true;
    try {
      this.takeDetail(await get<Detail>(`/api/v1/rollouts/${encodeURIComponent(this.name)}`));
    } catch (error) {
      if (error instanceof ApiError && error.status !== 401 && error.status !== 0) this.change({ error });
    } finally {
      this.asking = false;
    }
  }

  private async loadHistory(run: string) {
    let after = 0;
    for (let page = 0; page < PAGES_MAX && !this.closed && run === this.run; page++) {
      const path = `/api/v1/rollouts/${encodeURIComponent(run)}/history?limit=${PAGE}&after=${after}`;
      const { events } = await get<{ events: EventFrame[] }>(path).catch(() => ({ events: [] as EventFrame[] }));
      let { timeline } = this.store.get();
      for (const event of events) {
        const words = told(event);
        if (words) timeline = added(timeline, words);
      }
      if (run === this.run) this.change({ timeline });
      after = Number(events.at(-1)?.id ?? 0);
      if (events.length < PAGE) return;
    }
  }
}

/** One rollout in a component: what is known, and the link to it. */
export function useRollout(name: string): [RolloutState, RolloutLink | null] {
  const [link, setLink] = useState<RolloutLink | null>(null);
  const state = useStore(link?.store ?? NOTHING);
  useEffect(() => {
    const opened = new RolloutLink(name);
    setLink(opened);
    return () => opened.close();
  }, [name]);
  return [state, link];
}

const NOTHING = new Store(BEGIN);
