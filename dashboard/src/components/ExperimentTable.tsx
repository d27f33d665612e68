// What an experiment shows: each metric of each variant beside the first one, with an interval that holds at every look.
import { count, decimal, odds } from '../lib/format';
import { spaced } from '../lib/evidence';
import type { Experiment } from '../lib/types';
import type { Colour, Mark } from '../lib/words';
import { Chip } from './Chip';

const LOOKS: Record<string, { mark: Mark; colour: Colour }> = {
  better: { mark: 'done', colour: 'ok' },
  worse: { mark: 'stop', colour: 'bad' },
};

export function ExperimentTable({ experiment, name }: { experiment: Experiment; name: string }) {
  const { sampleRatio, level } = experiment;
  return (
    <>
      <p className="hint">
        {experiment.variants.map(({ name, users }) => `${name} ${count(users)} users`).join(' · ')}. Intervals hold at every look ({decimal(level, 0)} %{experiment.approximate && ', approximate'}).
        {experiment.full && ' The book is full: new users are not noted.'}
      </p>
      {sampleRatio.alarm && <p className="refusal">The shares of users are not those of the weights (evidence {odds(sampleRatio.evidence)}): something keeps users of one variant from being counted. Trust no difference.</p>}
      {experiment.metrics.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={`What ${name} shows`}>
          <table>
            <thead>
              <tr><th scope="col">Metric</th><th scope="col">Variant</th><th scope="col" className="number">Mean</th><th scope="col" className="number">Difference</th><th scope="col" className="number">Interval</th><th scope="col">Verdict</th></tr>
            </thead>
            <tbody>
              {experiment.metrics.flatMap((metric) =>
                metric.variants.map((variant, i) => (
                  <tr key={`${metric.name} ${variant.name}`}>
                    <th scope="row">{i === 0 ? <>{metric.name} <span className="muted">{metric.unit} {metric.better} is better</span></> : <span className="sr">{metric.name}</span>}</th>
                    <td>{variant.name}</td>
                    <td className="number">{decimal(variant.mean, 4)}</td>
                    <td className="number">{variant.verdict === undefined ? '' : decimal(variant.difference, 4)}</td>
                    <td className="number">{variant.interval ? `${decimal(variant.interval[0], 4)} to ${decimal(variant.interval[1], 4)}` : ''}</td>
                    <td>{variant.verdict === undefined ? <span className="muted">compared with</span> : <Chip word={spaced(variant.verdict)} {...(LOOKS[variant.verdict] ?? { mark: 'wait', colour: 'plain' })} />}</td>
                  </tr>
                )),
              )}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
