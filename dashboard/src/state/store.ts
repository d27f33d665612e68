// A value that components follow. Changes are told at most every TELL_EVERY_MS, so that a burst of frames draws once.
import { useSyncExternalStore } from 'react';

/** Least time between two drawings, ms. */
const TELL_EVERY_MS = 100;

/** A value with followers. */
export class Store<T> {
  private followers = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private told: T;

  constructor(private value: T) {
    this.told = value;
  }

  /** The newest value. */
  get(): T {
    return this.value;
  }

  /** Changes it; followers hear of it soon. */
  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    this.timer ??= setTimeout(() => this.tell(), TELL_EVERY_MS);
  }

  /** Changes it; followers hear of it now. */
  setNow(value: T): void {
    this.value = value;
    this.tell();
  }

  private tell() {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.told = this.value;
    for (const follower of this.followers) follower();
  }

  readonly follow = (follower: () => void): (() => void) => {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  };

  readonly shown = (): T => this.told;
}

/** The value of a store, in a component. */
export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.follow, store.shown);
