// What this phase must show before it may end.
import type { Detail, Question } from '../lib/types';
import type { Colour, Mark } from '../lib/words';
import { Chip } from './Chip';

/** How a question stands, as a mark. */
function look(question: Question): { word: string; mark: Mark; colour: Colour } {
  if (question.answered && question.met) return { word: 'Shown', mark: 'done', colour: 'ok' };
  if (!question.met) return { word: 'Not met', mark: 'stop', colour: 'bad' };
  return { word: 'Open', mark: 'wait', colour: 'warn' };
}

export function Questions({ detail }: { detail: Detail }) {
  const { questions } = detail;
  return (
    <section className="panel" aria-labelledby="questions">
      <h2 id="questions">What this phase must show</h2>
      {questions.length === 0 ? (
        <p className="muted">Nothing has to be shown now.</p>
      ) : (
        <ul className="questions">
          {questions.map((question) => (
            <li key={question.name}>
              <Chip {...look(question)} />
              <span>{question.text.replace(/; shown$/, '')}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
