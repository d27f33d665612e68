// Risk now, with its parts. It is shown and decides nothing.
import { decimal } from '../lib/format';
import type { Detail } from '../lib/types';

export function RiskTile({ detail }: { detail: Detail }) {
  const { riskParts: risk } = detail;
  const rows = [['Phase', risk.phase, '50 %'], ['Verdict', risk.verdict, '30 %'], ['Exposure', risk.exposure, '20 %']] as const;
  return (
    <section className="tile" aria-label="Risk">
      <h2>Risk <span className="muted">shown, never deciding</span></h2>
      <p className="big">
        {decimal(risk.score)}
        <small> of 100</small>
      </p>
      <div className="range" aria-hidden="true">
        <i className="range-fill" style={{ width: `${risk.score}%` }} />
      </div>
      <p className="muted tile-line">Weighted sum of</p>
      <dl className="parts">
        {rows.map(([name, value, weight]) => (
          <div key={name}>
            <dt>{name} <span className="muted">{weight}</span></dt>
            <dd>{decimal(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
