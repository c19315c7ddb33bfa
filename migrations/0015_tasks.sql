-- What a job that needs no server has done, written with its effect in one transaction: a repeated try finds it here.
alter table jobs add column task_result jsonb;
