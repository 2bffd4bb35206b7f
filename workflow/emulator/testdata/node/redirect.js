// The packages reach port 443 of the services' own host names and nothing else.
// This sends such connections to the lab; TLS keeps the real names.
'use strict';
const net = require('net');
const port = Number(process.env.LAB_PORT);
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const normalized = Array.isArray(args[0]) ? args[0] : args;
  const options = normalized[0];
  if (options && typeof options === 'object' && Number(options.port) === 443) {
    normalized[0] = Object.assign({}, options, { port, host: '127.0.0.1' });
  }
  return connect.apply(this, args);
};
