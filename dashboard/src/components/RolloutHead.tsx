// The head of a rollout: its name, the two versions, how it stands, and its buttons.
import type { ReactNode } from 'react';
import { standing, verdictOf } from '../lib/words';
import type { Detail } from '../lib/types';
import { Chip } from './Chip';
import { Time } from './Time';

export function RolloutHead({ detail, children }: { detail: Detail; children: ReactNode }) {
  const [service = ''] = (detail.rollout ?? '').split('@');
  const { stable, canary } = detail.versions;
  return (
    <div className="rollout-head">
      <div>
        <p className="crumbs"><a href="#/">Rollouts</a> <span aria-hidden="true">/</span> {detail.run}</p>
        <h1>
          {service}
          {detail.region && <span className="region">{detail.region}</span>}
          <span className="versions">
            <span className="key-stable">{stable.version}</span> <span aria-hidden="true">→</span>
            <span className="sr"> to </span> <span className="key-canary">{canary.version}</span>
          </span>
        </h1>
        <p className="chips">
          <Chip {...standing(detail)} />
          <Chip {...verdictOf(detail.verdict)} />
          <span className="muted">
            Started <Time ms={Date.parse(detail.startedAt)} day />
            {detail.endedAt && <> · ended <Time ms={Date.parse(detail.endedAt)} day /></>}
            {!detail.endedAt && detail.estimatedCompletionAt && <> · complete at about <Time ms={Date.parse(detail.estimatedCompletionAt)} day /></>}
          </span>
        </p>
      </div>
      {children}
    </div>
  );
}
