import middy from '@middy/core';
import * as z from 'zod/mini';
import { createImporter } from './create-importer.ts';
import { runImport } from './import-dataset.ts';

const importer = createImporter();

const Event = z.object({ model: z.string(), importId: z.string() });

export const handler = middy().handler(async (event: unknown) =>
  runImport(Event.parse(event), importer),
);
