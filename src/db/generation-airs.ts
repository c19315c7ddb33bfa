import type { Sql } from './connect.ts';

/** SQL: array of the AIRs that the generation of job `j` names, as `airsOf` of the domain lists them. */
export const generationAirs = (sql: Sql) => sql`array(
  select j.generation ->> 'model'
  union all select n ->> 'air' from jsonb_array_elements(j.generation -> 'networks') n
  union all select c ->> 'model' from jsonb_array_elements(j.generation -> 'controlNets') c
  union all select m ->> 'air' from jsonb_array_elements(j.generation -> 'models') m
  union all select j.generation -> 'refiner' ->> 'model'
  union all select j.generation -> 'hires' ->> 'upscaler')`;
