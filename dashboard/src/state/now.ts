// The time, for components that count down: one timer for all, which rests while the page is hidden.
import { useSyncExternalStore } from 'react';

let now = Date.now();
const followers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

function follow(follower: () => void): () => void {
  followers.add(follower);
  now = Date.now();
  timer ??= setInterval(() => {
    if (document.visibilityState === 'hidden') return;
    now = Date.now();
    for (const one of followers) one();
  }, 1000);
  return () => {
    followers.delete(follower);
    if (followers.size === 0 && timer) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/** The time in ms since 1970, anew each second. */
export const useNow = (): number => useSyncExternalStore(follow, () => now);
