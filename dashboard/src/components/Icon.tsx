// Marks: each has a shape of its own, so that colour never says anything alone.
import type { Colour, Mark } from '../lib/words';

const PATHS: Record<Mark, string> = {
  run: 'M6.2 4.8 11.4 8l-5.2 3.2z',
  wait: 'M8 4.6V8l2.4 1.6',
  pause: 'M6.2 5.2v5.6M9.8 5.2v5.6',
  back: 'M7 5 4.4 7.6 7 10.2M4.6 7.6h4.2a2.3 2.3 0 0 1 0 4.6H8',
  done: 'm4.8 8.2 2.2 2.3 4.3-4.8',
  stop: 'm5.6 5.6 4.8 4.8m0-4.8-4.8 4.8',
  none: 'M5 8h6',
  begin: 'M5 8h.01M8 8h.01M11 8h.01',
};

/** A mark of 16 px in a circle; hidden from screen readers, since a word stands beside it. */
export function Icon({ mark, colour }: { mark: Mark; colour: Colour }) {
  return (
    <svg className={`icon is-${colour}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <circle cx="8" cy="8" r="7" className="icon-disc" />
      <path d={PATHS[mark]} className={mark === 'run' ? 'icon-solid' : 'icon-line'} />
    </svg>
  );
}
