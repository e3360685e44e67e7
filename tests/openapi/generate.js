// Generates a client of openapi.json into the folder souk.
import { createClient } from '@hey-api/openapi-ts';

await createClient({
  input: 'openapi.json',
  output: { path: 'souk', module: { extension: '.js' } },
  logs: { level: 'silent' },
});
