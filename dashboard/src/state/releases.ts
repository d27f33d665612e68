// Releases have no stream: they are asked for every two seconds while one is under way, more rarely otherwise,
// and not at all while nobody looks. An answer that was asked for before an action never replaces what the action answered.
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, get, session } from './session';
import { useStore } from './store';

/** Between two looks while something is under way, ms. */
const OPEN_EVERY_MS = 2000;
/** Between two looks otherwise, ms: somebody may begin one. */
const IDLE_EVERY_MS = 15_000;

/** What is known, and the last error. */
export interface Polled<T> {
  value: T | null;
  error: ApiError | null;
}

/** Follows what a path answers; the second is for what an action answered. */
export function usePolled<T>(path: string, isOpen: (value: T) => boolean): [Polled<T>, (value: T) => void] {
  const { token } = useStore(session);
  const [state, setState] = useState<Polled<T>>({ value: null, error: null });
  const turn = useRef(0);
  const again = useRef<() => void>(() => {});
  useEffect(() => {
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      clearTimeout(timer);
      if (document.visibilityState === 'hidden') return;
      const mine = ++turn.current;
      let open = false;
      try {
        const value = await get<T>(path, gone.signal);
        if (mine !== turn.current) return;
        open = isOpen(value);
        setState({ value, error: null });
      } catch (failed) {
        if (gone.signal.aborted || mine !== turn.current) return;
        const error = failed instanceof ApiError ? failed : new ApiError(0, '', String(failed));
        setState((old) => ({ ...old, error }));
        open = error.status === 0;
      }
      timer = setTimeout(look, open ? OPEN_EVERY_MS : IDLE_EVERY_MS);
    };
    again.current = () => void look();
    void look();
    document.addEventListener('visibilitychange', look);
    return () => {
      gone.abort();
      turn.current++;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [path, token, isOpen]);
  const take = useCallback((value: T) => {
    setState({ value, error: null });
    again.current();
  }, []);
  return [state, take];
}
