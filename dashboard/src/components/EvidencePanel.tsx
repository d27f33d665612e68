// Every test: what it asks, how far its evidence is from the limit, and what it says.
import { byEvidence, strengthWord, testName } from '../lib/evidence';
import { odds } from '../lib/format';
import type { Detail } from '../lib/types';
import type { Colour, Mark } from '../lib/words';
import { Chip } from './Chip';
import { Meter } from './Meter';

const LOOKS: Record<string, { mark: Mark; colour: Colour }> = {
  quiet: { mark: 'none', colour: 'plain' },
  warning: { mark: 'wait', colour: 'warn' },
  shown: { mark: 'stop', colour: 'bad' },
};

export function EvidencePanel({ detail }: { detail: Detail }) {
  const { limit, value } = detail.evidence;
  return (
    <section className="panel" aria-labelledby="evidence">
      <h2 id="evidence">Evidence, test by test</h2>
      <p className="hint">
        Each test asks whether the canary is worse. All share one budget: together {odds(value)} now, and {odds(limit)} shows harm. The scale is logarithmic; 1 : 1 says nothing.
      </p>
      <ul className="tests">
        {byEvidence(detail.findings).map((finding) => (
          <li key={finding.name}>
            <p className="test-head">
              <b>{testName(finding)}</b>
              {finding.strength !== 'quiet' && <Chip word={strengthWord[finding.strength]} {...(LOOKS[finding.strength] ?? { mark: 'none', colour: 'plain' })} />}
              <span className="test-odds">{odds(finding.evidence)}</span>
            </p>
            <Meter evidence={finding.evidence} limit={limit} strength={finding.strength} label={testName(finding)} />
            <p className="muted line">{finding.text}</p>
          </li>
        ))}
      </ul>
      {detail.notes.length > 0 && (
        <ul className="notes muted">
          {detail.notes.map((note) => <li key={note}>{note}</li>)}
        </ul>
      )}
    </section>
  );
}
