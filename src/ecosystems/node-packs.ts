/** Custom node classes that our graphs may use, and what brings them. */
export const CUSTOM_NODE_PACKS: Readonly<Record<string, string>> = {
  'Zoe-DepthMapPreprocessor': 'the custom nodes comfyui_controlnet_aux',
  PiDiNetPreprocessor: 'the custom nodes comfyui_controlnet_aux',
  'Image Remove Background (rembg)': 'the custom nodes rembg-comfyui-node',
  'WD14Tagger|pysssss': 'the custom nodes ComfyUI-WD14-Tagger',
  DownloadAndLoadFlorence2Model: 'the custom nodes ComfyUI-Florence2',
  Florence2Run: 'the custom nodes ComfyUI-Florence2',
  OutputEmbedding: 'the custom nodes comfyui_image_embeddings',
};
