// A word with its mark: a status, a verdict, the strength of evidence.
import { Icon } from './Icon';
import type { Colour, Mark } from '../lib/words';

export function Chip({ word, mark, colour }: { word: string; mark: Mark; colour: Colour }) {
  return (
    <span className={`chip is-${colour}`}>
      <Icon mark={mark} colour={colour} />
      {word}
    </span>
  );
}
