// A stream that follows the page: closed while nobody looks, opened again when somebody does.
//
// A browser gives a server six connections over HTTP/1.1, for all tabs together; so hidden tabs give theirs back.
import { openStream, type Frame, type Refusal, type Stream } from '../lib/sse';
import { askForToken, headers, session } from './session';

/** A hidden page keeps its streams for so long, ms. */
const HIDDEN_MS_MAX = 30_000;

/** Whether data is live. `since`: of when the data is that is shown, ms since 1970; null before any came. */
export interface LinkState {
  kind: 'connecting' | 'live' | 'lost' | 'refused';
  since: number | null;
  retryAt: number | null;
  refusal: Refusal | null;
}

export const CONNECTING: LinkState = { kind: 'connecting', since: null, retryAt: null, refusal: null };

/** What a link tells. */
export interface LinkOptions {
  url: string;
  onFrame: (frame: Frame) => void;
  onState: (state: LinkState) => void;
  onUp?: () => void;
}

/** A stream and whether it is live. */
export class Link {
  private stream: Stream | null = null;
  private state = CONNECTING;
  private hiding: ReturnType<typeof setTimeout> | null = null;
  private readonly unfollow: () => void;
  private token = session.get().token;
  private lastId: string | null = null;
  private wasUp = false;

  constructor(private readonly options: LinkOptions) {
    this.open();
    document.addEventListener('visibilitychange', this.onVisible);
    window.addEventListener('online', this.onOnline);
    this.unfollow = session.follow(() => {
      const { token } = session.get();
      const isAnswer = this.state.kind === 'refused' && session.get().asked === null;
      if (token === this.token && !isAnswer) return;
      this.token = token;
      this.reopen();
    });
  }

  /** Ends it for good. */
  close(): void {
    this.stream?.close();
    this.unfollow();
    if (this.hiding) clearTimeout(this.hiding);
    document.removeEventListener('visibilitychange', this.onVisible);
    window.removeEventListener('online', this.onOnline);
  }

  /** Tries at once. */
  retryNow(): void {
    this.stream?.retryNow();
  }

  private reopen() {
    this.rest();
    this.open();
  }

  /** Closes the stream and keeps where it was. */
  private rest() {
    this.lastId = this.stream?.lastId() ?? this.lastId;
    // From here on nothing is heard, so what is shown is of now.
    if (this.state.kind === 'live') this.state = { ...this.state, kind: 'connecting', since: Date.now() };
    this.stream?.close();
    this.stream = null;
  }

  private open() {
    this.stream = openStream({
      url: this.options.url,
      headers,
      lastId: this.lastId,
      onUp: () => {
        this.change({ kind: 'live', since: Date.now(), retryAt: null, refusal: null });
        if (this.wasUp) this.options.onUp?.();
        this.wasUp = true;
      },
      onFrame: (frame) => {
        this.state = { ...this.state, since: Date.now() };
        this.options.onFrame(frame);
      },
      onDown: (retryAt) => this.change({ ...this.state, kind: this.state.since === null ? 'connecting' : 'lost', since: this.lastSeen(), retryAt }),
      onRefused: (refusal) => {
        if (refusal.status === 401) askForToken(refusal.detail);
        this.change({ ...this.state, kind: 'refused', retryAt: null, refusal });
      },
    });
  }

  /** While it is live the data is of now; since it is lost, of when it was lost. */
  private lastSeen(): number | null {
    return this.state.kind === 'live' ? Date.now() : this.state.since;
  }

  private change(state: LinkState) {
    this.state = state;
    this.options.onState(state);
  }

  private readonly onOnline = () => this.retryNow();

  private readonly onVisible = () => {
    if (document.visibilityState === 'hidden') {
      this.hiding ??= setTimeout(() => {
        this.rest();
      }, HIDDEN_MS_MAX);
      return;
    }
    if (this.hiding) clearTimeout(this.hiding);
    this.hiding = null;
    if (this.stream) this.retryNow();
    else this.open();
  };
}
