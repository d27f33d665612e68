// Server-sent events over fetch, because EventSource can send no token.
//
// It resumes with Last-Event-ID, waits longer after each failure, and starts anew when nothing arrives for too long
// (the server sends a sign of life every 15 s). It knows nothing of what the frames say.
// Source of the format: WHATWG HTML, section 9.2.6 "Interpreting an event stream".

/** One event: its data, and the id to resume after. */
export interface Frame {
  id: string | null;
  event: string;
  data: string;
}

/** Longest frame that is taken, characters. */
export const FRAME_CHARS_MAX = 4 * 1024 * 1024;
/** First wait after a failure, ms; each further one is twice as long. */
export const WAIT_MS_MIN = 500;
/** Longest wait, ms. */
export const WAIT_MS_MAX = 10_000;
/** Nothing for this long, ms, is a lost connection. */
export const SILENCE_MS_MAX = 40_000;

/** Puts frames together from pieces of text that end anywhere. */
export class FrameParser {
  private rest = '';
  private afterReturn = false;
  private data: string[] = [];
  private size = 0;
  private event = '';
  private id: string | null = null;

  /** Frames that are complete with this piece. Throws when one is longer than FRAME_CHARS_MAX. */
  push(piece: string): Frame[] {
    const frames: Frame[] = [];
    // A line may end with \r\n, and the two may come in different pieces.
    let text = this.afterReturn && piece.startsWith('\n') ? piece.slice(1) : piece;
    if (piece !== '') this.afterReturn = piece.endsWith('\r');
    text = this.rest + text;
    let start = 0;
    for (let at = start; at < text.length; at++) {
      const c = text.charCodeAt(at);
      if (c !== 10 && c !== 13) continue;
      const frame = this.line(text.slice(start, at));
      if (frame) frames.push(frame);
      if (c === 13 && text.charCodeAt(at + 1) === 10) at++;
      start = at + 1;
    }
    this.rest = text.slice(start);
    if (this.rest.length + this.size > FRAME_CHARS_MAX) throw new Error('a frame is too long');
    return frames;
  }

  private line(line: string): Frame | null {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (name === 'data') {
      this.data.push(value);
      this.size += value.length;
    } else if (name === 'event') this.event = value;
    else if (name === 'id' && !value.includes('\0')) this.id = value;
    return null;
  }

  private dispatch(): Frame | null {
    const { data, event } = this;
    this.data = [];
    this.size = 0;
    this.event = '';
    return data.length === 0 ? null : { id: this.id, event: event || 'message', data: data.join('\n') };
  }
}

/** How long to wait before the attempt after `failures` failures, ms; `chance` is 0 to 1. */
export function backOff(failures: number, chance: number): number {
  const full = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.max(0, failures - 1));
  return Math.round(full * (0.5 + 0.5 * chance));
}

/** An answer that makes no sense to ask for again. */
export interface Refusal {
  status: number;
  code: string;
  detail: string;
}

/** What a stream is opened with. */
export interface StreamOptions {
  url: string;
  /** Asked at every attempt, so that a new token counts. */
  headers: () => Record<string, string>;
  onFrame: (frame: Frame) => void;
  onUp: () => void;
  /** The connection is gone; the next attempt is at `retryAt` (ms since 1970). */
  onDown: (retryAt: number) => void;
  /** The server refused for good (4xx and 501); nothing more comes. */
  onRefused: (refusal: Refusal) => void;
  /** Goes on after this event. */
  lastId?: string | null;
  fetch?: typeof fetch;
  chance?: () => number;
}

/** A stream that stays open until it is closed. */
export interface Stream {
  close(): void;
  /** Does not wait for the next attempt. */
  retryNow(): void;
  /** The id of the last event that came. */
  lastId(): string | null;
}

/** Opens a stream and keeps it open. */
export function openStream(options: StreamOptions): Stream {
  const ask = options.fetch ?? ((...request: Parameters<typeof fetch>) => fetch(...request));
  const chance = options.chance ?? Math.random;
  let closed = false;
  let lastId = options.lastId ?? null;
  let failures = 0;
  let attempt = new AbortController();
  let wake: (() => void) | null = null;

  /** One connection from its beginning to its end. */
  async function connect(): Promise<Refusal | null> {
    attempt = new AbortController();
    const { signal } = attempt;
    let silence = setTimeout(() => attempt.abort(), SILENCE_MS_MAX);
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => attempt.abort(), SILENCE_MS_MAX);
    };
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream', ...options.headers() };
      if (lastId !== null) headers['last-event-id'] = lastId;
      const answer = await ask(options.url, { headers, signal, cache: 'no-store' });
      if (!answer.ok || !answer.body) return await refusalOf(answer);
      heard();
      options.onUp();
      const parser = new FrameParser();
      const decoder = new TextDecoder();
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || closed) return null;
        heard();
        for (const frame of parser.push(decoder.decode(value, { stream: true }))) {
          failures = 0;
          if (frame.id !== null) lastId = frame.id;
          options.onFrame(frame);
        }
      }
    } finally {
      clearTimeout(silence);
      attempt.abort();
    }
  }

  async function keepOpen() {
    while (!closed) {
      const refusal = await connect().catch(() => null);
      if (closed) return;
      if (refusal) return options.onRefused(refusal);
      failures += 1;
      const wait = backOff(failures, chance());
      options.onDown(Date.now() + wait);
      await new Promise<void>((done) => {
        const timer = setTimeout(done, wait);
        wake = () => {
          clearTimeout(timer);
          done();
        };
      });
      wake = null;
    }
  }

  void keepOpen();
  return {
    close() {
      closed = true;
      attempt.abort();
      wake?.();
    },
    retryNow() {
      failures = 0;
      wake?.();
    },
    lastId: () => lastId,
  };
}

/** What a refusal says; null when the same request may well succeed later. */
async function refusalOf(answer: Response): Promise<Refusal | null> {
  const { status } = answer;
  const isLater = status === 408 || status === 429 || (status >= 500 && status !== 501);
  const problem: { code?: unknown; detail?: unknown } = await answer.json().catch(() => ({}));
  if (isLater || answer.ok) return null;
  return { status, code: String(problem.code ?? ''), detail: String(problem.detail ?? `HTTP ${status}`) };
}
