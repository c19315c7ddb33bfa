-- Model (AIR) of the latest grant: what the server has loaded when the next job begins, also while it idles. It counts
-- only for the server process it was granted to, which boot_id tells.
alter table servers add column warm_model text, add column warm_boot_id text;
