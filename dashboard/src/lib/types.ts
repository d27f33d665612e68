// Short names for what the server answers. The types themselves are generated from openapi.json.
import type { components } from '../api.gen';

type Schemas = components['schemas'];
export type Status = Schemas['Status'];
export type WaitingOn = Schemas['WaitingOn'];
export type Run = Schemas['Run'];
export type Detail = Schemas['Detail'];
export type Phase = Schemas['Phase'];
export type Finding = Schemas['Finding'];
export type Question = Schemas['Question'];
export type LiveArm = Schemas['LiveArm'];
export type LivePoint = Schemas['LivePoint'];
export type LiveFrame = Schemas['LiveFrame'];
export type Kpis = Schemas['Kpis'];
export type KpiRun = Schemas['KpiRun'];
export type Flag = Schemas['Flag'];
export type FlagDetail = Schemas['FlagDetail'];
export type Experiment = Schemas['Experiment'];

/** A frame of /events or a row of the history: the status with the fields of its type. */
export type EventFrame = Status & { type: string; timestamp: string; id?: number } & Record<string, unknown>;
