/** What `simulator --help` says below its options. */
export const SIMULATOR_HELP = `
Options win over the environment: SIM_PORT, SIM_MODELS, SIM_FAULTS, SIM_COMFY_VERSION, and besides
  SIM_STEP_MS        time of one sampler step (40)
  SIM_MODEL_LOAD_MS  time a model file takes when it is first used (0)
  SIM_CUSTOM_NODES   whether it has the custom nodes of docs/simulator.md (true)

While it runs:
  curl localhost:8188/sim/executions                                     what was executed
  curl localhost:8188/sim/faults -d '{"kind":"drop-sockets","atStep":3}' a fault to come
  curl localhost:8188/sim/models -d '{"checkpoints":["a.safetensors"]}'  other models
  curl localhost:8188/sim/reset -d ''                                    no faults, empty log

Example:
  npm run simulator -- --port 8188 --models models.json
docs/simulator.md has every fault and what the simulator does not do.`;
