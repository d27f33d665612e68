// What a rollout waits for first, in a line. A countdown goes on by itself between two frames, and stands while nothing comes.
import { span } from '../lib/format';
import { waitingWord } from '../lib/words';
import type { WaitingOn } from '../lib/types';
import { useNow } from '../state/now';

/** The reason that says most: whatever is not only time. */
export const foremost = (waiting: readonly WaitingOn[]): WaitingOn | undefined => waiting.find((one) => one.kind !== 'duration') ?? waiting[0];

interface Props {
  waiting: readonly WaitingOn[];
  /** When this came, ms since 1970. */
  seenAt: number;
  isLive: boolean;
}

export function Until({ waiting, seenAt, isLive }: Props) {
  const now = useNow();
  const first = foremost(waiting);
  if (!first) return null;
  const passed = isLive ? Math.max(0, (now - seenAt) / 1000) : 0;
  const left = first.etaSeconds == null ? null : Math.max(0, first.etaSeconds - passed);
  const more = waiting.length - 1;
  return (
    <span className={first.kind === 'duration' ? 'muted' : 'is-warn'}>
      <b>{waitingWord[first.kind] ?? first.kind}</b> · {first.kind === 'duration' && left !== null ? `${span(left)} left of this phase` : first.text}
      {first.kind !== 'duration' && left !== null && ` (about ${span(left)})`}
      {more > 0 && ` and ${more} more`}
    </span>
  );
}
