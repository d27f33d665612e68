// Events as a list, newest first: when, what, who, why.
import { hrefOf } from '../lib/route';
import type { Told } from '../lib/timeline';
import { Time } from './Time';

/** Lines of an event that are shown at once. */
const LINES_MAX = 4;

interface Props {
  events: readonly Told[];
  withRollout?: boolean;
  empty: string;
}

export function Timeline({ events, withRollout = false, empty }: Props) {
  if (events.length === 0) return <p className="muted">{empty}</p>;
  return (
    <ol className="timeline">
      {events.map((event) => (
        <li key={event.id} className={`tone-${event.tone}`}>
          <span className="when"><Time ms={event.at} /></span>
          <span className="dot" aria-hidden="true" />
          <div>
            <p>
              {withRollout && <><a href={hrefOf(event.run)}>{event.run}</a> </>}
              <b>{event.title}</b>
              {event.who && <span className="muted"> by {event.who}</span>}
            </p>
            {event.reason && <blockquote>{event.reason}</blockquote>}
            {event.lines.slice(0, LINES_MAX).map((line) => <p key={line} className="line muted">{line}</p>)}
            {event.lines.length > LINES_MAX && <p className="line muted">and {event.lines.length - LINES_MAX} more</p>}
          </div>
        </li>
      ))}
    </ol>
  );
}
