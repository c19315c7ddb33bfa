-- The ControlNets of a catalogue, which a request with controlNets looks through.
create index resources_control_nets on resources (tenant, created_at, air)
  where split_part(air, ':', 4) = 'controlnet';
