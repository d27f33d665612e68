// Evidence on a logarithmic scale, with the limit marked. The numbers stand beside it in words.
import { LIMIT_AT, meterAt, meterTicks } from '../lib/evidence';
import { count, odds } from '../lib/format';
import type { Strength } from '../lib/evidence';

interface Props {
  evidence: number;
  limit: number;
  strength: Strength;
  label: string;
  withScale?: boolean;
}

export function Meter({ evidence, limit, strength, label, withScale = false }: Props) {
  const at = meterAt(evidence, limit);
  return (
    <div className={`meter is-${strength}`} role="img" aria-label={`${label}: evidence ${odds(evidence)}, limit ${odds(limit)}`}>
      <div className="meter-line">
        <i className="meter-fill" style={{ width: `${at}%` }} />
        {meterTicks(limit).map((tick) => <i key={tick.value} className="meter-tick" style={{ left: `${tick.at}%` }} />)}
        <i className="meter-limit" style={{ left: `${LIMIT_AT}%` }} />
      </div>
      {withScale && (
        <div className="meter-scale">
          {meterTicks(limit).map((tick) => <span key={tick.value} style={{ left: `${tick.at}%` }}>{count(tick.value)}</span>)}
          <span style={{ left: `${LIMIT_AT}%` }}><b>{count(limit)}</b></span>
        </div>
      )}
    </div>
  );
}
