import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backOff, FrameParser, openStream, SILENCE_MS_MAX, WAIT_MS_MAX, WAIT_MS_MIN, type Frame, type Refusal } from '../src/lib/sse';

describe('frames', () => {
  const whole = ': hello\n\nid: 7\ndata: one\ndata: two\n\r\nevent: split\rdata\r\rid: 8\r\ndata:{"a":1}\r\n\r\n';
  const want: Frame[] = [
    { id: '7', event: 'message', data: 'one\ntwo' },
    { id: '7', event: 'split', data: '' },
    { id: '8', event: 'message', data: '{"a":1}' },
  ];

  it('are the same however the text is cut', () => {
    for (let size = 1; size <= whole.length; size++) {
      const parser = new FrameParser();
      const frames = [];
      for (let at = 0; at < whole.length; at += size) frames.push(...parser.push(whole.slice(at, at + size)));
      expect(frames, `pieces of ${size}`).toEqual(want);
    }
  });

  it('are not there before their empty line', () => {
    const parser = new FrameParser();
    expect(parser.push('data: x\n')).toEqual([]);
    expect(parser.push('\n')).toEqual([{ id: null, event: 'message', data: 'x' }]);
  });

  it('without data are none, and an id with a null byte is not taken', () => {
    const parser = new FrameParser();
    expect(parser.push('id: 3\n\n')).toEqual([]);
    expect(parser.push('id: 4\0\ndata: x\n\n')).toEqual([{ id: '3', event: 'message', data: 'x' }]);
  });

  it('have a longest length', () => {
    const parser = new FrameParser();
    expect(() => parser.push('data: '.padEnd(5 * 1024 * 1024, 'x'))).toThrow('too long');
  });
});

describe('the wait after failures', () => {
  it('doubles to a limit and is never less than half of that', () => {
    expect(backOff(1, 1)).toBe(WAIT_MS_MIN);
    expect(backOff(2, 1)).toBe(2 * WAIT_MS_MIN);
    expect(backOff(2, 0)).toBe(WAIT_MS_MIN);
    expect(backOff(40, 1)).toBe(WAIT_MS_MAX);
    expect(backOff(40, 0)).toBe(WAIT_MS_MAX / 2);
  });
});

describe('a stream', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A server that answers the n-th request as the n-th script says; without one it does not answer. */
  function server(scripts: (string | Response | Error)[]) {
    const asked: Record<string, string>[] = [];
    const pipes: ReadableStreamDefaultController<Uint8Array>[] = [];
    const ask = ((_: string, init: RequestInit) => {
      const script = scripts[asked.length];
      asked.push(init.headers as Record<string, string>);
      if (script instanceof Error) return Promise.reject(script);
      if (script instanceof Response) return Promise.resolve(script);
      const body = new ReadableStream<Uint8Array>({
        start(pipe) {
          pipes.push(pipe);
          if (script) pipe.enqueue(new TextEncoder().encode(script));
          init.signal?.addEventListener('abort', () => {
            try {
              pipe.error(new Error('aborted'));
            } catch {
              // Closed already.
            }
          });
        },
      });
      return Promise.resolve(new Response(body, { status: 200 }));
    }) as unknown as typeof fetch;
    return { asked, pipes, ask };
  }

  function opened(scripts: (string | Response | Error)[]) {
    const { asked, pipes, ask } = server(scripts);
    const log: string[] = [];
    const refusals: Refusal[] = [];
    const stream = openStream({
      url: '/events',
      headers: () => ({ authorization: 'Bearer t' }),
      fetch: ask,
      chance: () => 1,
      onFrame: (frame) => log.push(`${frame.id} ${frame.data}`),
      onUp: () => log.push('up'),
      onDown: () => log.push('down'),
      onRefused: (refusal) => refusals.push(refusal),
    });
    return { stream, asked, pipes, log, refusals };
  }

  const settle = () => vi.advanceTimersByTimeAsync(1);

  it('goes on after the last id, with its token, when the server ends it', async () => {
    const { stream, asked, pipes, log } = opened(['id: 5\ndata: a\n\n', 'id: 6\ndata: b\n\n']);
    await settle();
    expect(log).toEqual(['up', '5 a']);
    expect(asked[0]).not.toHaveProperty('last-event-id');
    pipes[0]?.close();
    await settle();
    expect(log.at(-1)).toBe('down');
    await vi.advanceTimersByTimeAsync(WAIT_MS_MIN);
    expect(asked[1]).toMatchObject({ 'last-event-id': '5', authorization: 'Bearer t' });
    expect(log.slice(-2)).toEqual(['up', '6 b']);
    stream.close();
  });

  it('waits longer after each failure, and not at all when told to', async () => {
    const down = new Error('refused');
    const { stream, asked } = opened([down, down, down, down]);
    await settle();
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(WAIT_MS_MIN);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(WAIT_MS_MIN);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(WAIT_MS_MIN);
    expect(asked).toHaveLength(3);
    stream.retryNow();
    await settle();
    expect(asked).toHaveLength(4);
    stream.close();
  });

  it('takes silence for a lost connection', async () => {
    const { stream, log } = opened(['data: a\n\n']);
    await settle();
    await vi.advanceTimersByTimeAsync(SILENCE_MS_MAX);
    expect(log.at(-1)).toBe('down');
    stream.close();
  });

  it('does not ask again after a refusal, and does after a failure of the server', async () => {
    const problem = (status: number, code: string) => new Response(JSON.stringify({ code, detail: 'no' }), { status });
    const { asked, refusals } = opened([problem(503, 'busy'), problem(404, 'unknown_rollout')]);
    await settle();
    expect(refusals).toEqual([]);
    await vi.advanceTimersByTimeAsync(10 * WAIT_MS_MAX);
    expect(refusals).toEqual([{ status: 404, code: 'unknown_rollout', detail: 'no' }]);
    expect(asked).toHaveLength(2);
  });

  it('says nothing after it was closed', async () => {
    const { stream, log, pipes } = opened(['data: a\n\n']);
    await settle();
    stream.close();
    pipes[0] && expect(() => pipes[0]?.enqueue(new TextEncoder().encode('data: b\n\n'))).toThrow();
    await settle();
    expect(log).toEqual(['up', 'null a']);
  });
});
