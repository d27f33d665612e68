// What tests have in common: a rollout at 25 % that goes well, changed as a test needs it.
import type { Detail, EventFrame, LiveArm, LivePoint } from '../src/lib/types';

const phase = (position: number, percentage: number) => ({
  position, id: position, description: `Step ${position}`, percentage, durationSeconds: 60, riskScore: 50, endedHealthy: position === 0,
  successCriteria: { errorRate: 1, responseTime: null, healthScore: null },
});

const measured = { requestsServed: 100, errorRate: 0, responseTime: 40, userSatisfaction: 100 };

export function detail(change: Partial<Detail> = {}): Detail {
  return {
    state: { currentPhase: 1, isRunning: true, isPaused: false, overallHealth: 99.5, totalRequests: 1234, totalErrors: 2 },
    currentPhase: { id: 1, description: 'Step 1', percentage: 25, riskScore: 50, metrics: measured, baseline: measured },
    progress: 30, health: 99.5, estimatedCompletion: null, estimatedCompletionAt: null, rollout: 'checkout', run: 'checkout.1', region: null,
    status: 'running', verdict: 'inconclusive', risk: 41,
    waitingOn: [{ kind: 'duration', text: '20 s left of this phase', since: '2026-01-01T10:00:00Z', etaSeconds: 20 }],
    split: { epoch: 2, canary: 25_000 }, startedAt: '2026-01-01T10:00:00Z', endedAt: null,
    versions: { stable: { version: '1.4.2', urls: [] }, canary: { version: '1.5.0', urls: [] } },
    findings: [], questions: [{ name: 'errorRate', answered: false, met: true, requestsMissing: 70, text: 'error rate at most 1 %: about 70 more requests needed' }],
    stableOverLimit: false, sharedBreach: false, splitAlarm: null, concentrated: null, notes: [],
    evidence: { value: 0.5, limit: 100, anytimeP: 1 }, healthInterval: { low: 90, high: 100, level: 0.95 },
    healthParts: { score: 99.5, errors: 99, response: 100, satisfaction: 100 }, riskParts: { score: 41, phase: 50, verdict: 50, exposure: 5 },
    clockRuns: true, phaseEnteredAt: '2026-01-01T10:01:00Z', watchedSeconds: 40, attempt: 1, planHash: 'abc', salt: 'def', router: 'proxy',
    phases: [phase(0, 5), phase(1, 25), phase(2, 50), phase(3, 100)], rollback: null, confirmed: true, dataPlanes: ['one'], quarantine: null,
    lastWaitingOn: [], metrics: { stable: {}, canary: {} }, users: { stable: null, canary: null },
    ...change,
  };
}

export function event(type: string, id: number, fields: Record<string, unknown> = {}): EventFrame {
  return { ...detail(), type, id, timestamp: '2026-01-01T10:00:05.000Z', ...fields } as unknown as EventFrame;
}

export const arm = (requests = 10, errors = 0, more: Partial<LiveArm> = {}): LiveArm => ({
  requests, errors, errorRate: requests ? (100 * errors) / requests : null, meanMs: 40, p50Ms: 38, p95Ms: 80, p99Ms: 120, apdex: 1, metrics: {}, ...more,
});

export const point = (at: number, more: Partial<LivePoint> = {}): LivePoint => ({
  at, phase: 0, share: 5, health: 100, risk: 40, evidence: 0.5, canary: arm(), stable: arm(100), ...more,
});
