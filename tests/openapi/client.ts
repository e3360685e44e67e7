// Creates, reads, prices and lists products as a program of another team would, by the generated client alone; prints what it was answered.
import { client } from './souk/client.gen.js';
import {
  catalogServiceCreateProduct,
  catalogServiceGetProduct,
  catalogServiceListProducts,
  pricingServiceGetPrice,
  pricingServiceSetPrice,
  type Refusal,
  type SoukTypeV1Money,
} from './souk/index.js';

declare const process: { env: Record<string, string | undefined> };

client.setConfig({ baseUrl: `http://${process.env.SOUK_HTTP}`, auth: process.env.SOUK_TOKEN });
const throwOnError = true;

async function create(title: string, sku: string): Promise<string> {
  const { data } = await catalogServiceCreateProduct({
    body: { product: { title }, variants: [{ sku }] },
    headers: { 'Idempotency-Key': `create ${sku}` },
    throwOnError,
  });
  return data.product?.productId ?? '';
}

const productId = await create('Lamp', 'LAMP-1');
const repeated = await create('Lamp', 'LAMP-1');
await create('Chair', 'CHAIR-1');

const read = await catalogServiceGetProduct({ path: { product_id: productId }, throwOnError });
const list = await catalogServiceListProducts({ query: { page: 1, limit: 1 }, throwOnError });
const total: number | undefined = list.data.total;

const base: SoukTypeV1Money = { currencyCode: 'USD', amount: '49.99' };
await pricingServiceSetPrice({ body: { item: { sku: 'LAMP-1' }, base }, throwOnError });
const price = await pricingServiceGetPrice({
  path: { sku: 'LAMP-1' },
  query: { 'context.currencyCode': 'USD' },
  throwOnError,
});
const amount: SoukTypeV1Money | undefined = price.data.amount;

const nobody = '01890000-0000-7000-8000-000000000000';
const refused = await catalogServiceGetProduct({ path: { product_id: nobody } });
const refusal: Refusal | undefined = refused.error;
const { error: wrong } = await catalogServiceGetProduct({ path: { product_id: '7' } });

console.log(JSON.stringify({
  productId,
  repeated,
  read: read.data.product,
  etag: read.response.headers.get('etag'),
  listed: list.data.products?.map((product) => product.title),
  total,
  amount,
  refused: { status: refused.response?.status, reason: refusal?.reason },
  wrong: { reason: wrong?.reason, fields: wrong?.fields.map(({ field }) => field) },
}));
