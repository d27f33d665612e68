// One flag: its variants and how often each was handed out; of an experiment, what it shows.
import { count, percent } from '../lib/format';
import { hrefOf } from '../lib/route';
import type { Flag, FlagDetail } from '../lib/types';
import { Chip } from './Chip';
import { ExperimentTable } from './ExperimentTable';

export function FlagCard({ flag }: { flag: Flag | FlagDetail }) {
  const experiment = 'experiment' in flag ? flag.experiment : null;
  return (
    <article className="panel">
      <div className="flag-head">
        <h2>{flag.key}</h2>
        {flag.enabled ? <Chip word="On" mark="done" colour="ok" /> : <Chip word="Off" mark="stop" colour="plain" />}
        <p className="muted">
          {flag.boundToRollout ? <>follows the rollout of <a href={hrefOf(flag.service)}>{flag.service}</a></> : <>experiment of {flag.service}</>}
          {flag.exclusive && ` · takes part: ${percent(flag.exclusive.to - flag.exclusive.from)} of ${flag.exclusive.group}`}
          {flag.rules.length > 0 && ` · ${flag.rules.length} rules`}
        </p>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label={`Variants of ${flag.key}`}>
        <table>
          <thead>
            <tr><th scope="col">Variant</th><th scope="col">Value</th><th scope="col" className="number">Weight</th><th scope="col" className="number">Handed out</th></tr>
          </thead>
          <tbody>
            {flag.variants.map((variant) => (
              <tr key={variant.name}>
                <th scope="row">{variant.name}</th>
                <td><code>{JSON.stringify(variant.value)}</code></td>
                <td className="number">{variant.weight === undefined ? 'by the split' : percent(variant.weight)}</td>
                <td className="number">{count(variant.evaluations)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {experiment && <ExperimentTable experiment={experiment} name={flag.key} />}
    </article>
  );
}
