// All evidence against the canary together, beside the limit at which it goes back.
import { odds } from '../lib/format';
import { isUnderWay } from '../lib/words';
import type { Detail } from '../lib/types';
import { Meter } from './Meter';

export function EvidenceTile({ detail }: { detail: Detail }) {
  const { value, limit } = detail.evidence;
  const strongest = detail.findings.some((f) => f.strength === 'shown') ? 'shown' : detail.findings.some((f) => f.strength === 'warning') ? 'warning' : 'quiet';
  return (
    <section className="tile" aria-label="Evidence against the canary">
      <h2>Evidence against the canary</h2>
      <p className="big">{odds(value)}</p>
      <Meter evidence={value} limit={limit} strength={strongest} label="All tests together" withScale />
      <p className="tile-foot muted">
        {isUnderWay(detail) ? `At ${odds(limit)} it goes back by itself.` : `Limit ${odds(limit)}.`} Attempt {detail.attempt}
        {strongest === 'warning' && <b className="is-warn"> · a test warns</b>}
        {strongest === 'shown' && <b className="is-bad"> · harm is shown</b>}
      </p>
    </section>
  );
}
