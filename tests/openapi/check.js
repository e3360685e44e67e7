// Prints what is wrong with openapi.json, a line each.
import { createConfig, lint } from '@redocly/openapi-core';

const config = await createConfig({
  extends: ['recommended', 'spec'],
  rules: {
    // Without a list it is where the document comes from, which only the deployment knows.
    'no-empty-servers': 'off',
    // Every refusal has the one shape that `default` describes.
    'operation-4xx-response': 'off',
  },
});
for (const { ruleId, message, location } of await lint({ ref: 'openapi.json', config })) {
  console.log(`${ruleId}: ${message} (${location[0]?.pointer})`);
}
