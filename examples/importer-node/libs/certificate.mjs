// The certificate of a plugin's process: self-signed, for "localhost", of a new key. Node
// makes keys and signatures and reads certificates, but writes none, and the libraries that
// do bring twenty packages along: these are the few lines of DER that it takes (RFC 5280).
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** One DER value: tag, length, content. */
function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const n = content.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts) => der(0x30, ...parts);
const integer = (...bytes) => der(0x02, Buffer.from(bytes));
const octets = (content) => der(0x04, content);
const bits = (content) => der(0x03, Buffer.from([0]), content);
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
const time = (t) => { // with two digits for the year before 2050
  const text = new Date(t).toISOString().replace(/[-:T]|\.\d+/g, '');
  return text < '2050' ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
};
const extension = (id, value) => sequence(oid(id), octets(value));

const ecdsaWithSHA256 = sequence(oid('2a8648ce3d040302'));
const localhost = Buffer.from('localhost');
const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, localhost)))); // CN=localhost
const year = 365 * 24 * 3600e3;

/**
 * Makes a key and its certificate.
 * @returns {{ key: string, cert: string, der: Buffer }} key and cert as PEM
 */
export function selfSigned() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const serial = randomBytes(16);
  serial[0] = 0x40 | (serial[0] & 0x3f); // positive, and no zeros in front
  const tbs = sequence(
    der(0xa0, integer(2)), // version 3
    integer(...serial), ecdsaWithSHA256, name,
    sequence(time(Date.now() - 60e3), time(Date.now() + 30 * year)), // a process may run for long
    name, spki,
    der(0xa3, sequence(
      extension('551d11', sequence(der(0x82, localhost))), // subjectAltName: dNSName
      extension('551d0e', octets(createHash('sha256').update(spki).digest().subarray(0, 20))), // subjectKeyIdentifier
    )),
  );
  const cert = sequence(tbs, ecdsaWithSHA256, bits(sign('sha256', tbs, privateKey)));
  const pem = cert.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${pem}-----END CERTIFICATE-----\n`,
    der: cert,
  };
}
