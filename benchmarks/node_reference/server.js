// The design's own algorithm on the libraries that it names: what this service is measured against.
//
// Its faults are part of it. The Flight Service is called inside the transaction, keys are in this process's memory,
// and a payment's UPDATE runs beside its transaction, so that it needs a second connection of the pool. It creates and
// pays; it expires nothing. Generous to it: statements are not logged, and there is no limit of requests.
'use strict';

const axios = require('axios');
const express = require('express');
const { DataTypes, Sequelize } = require('sequelize');

const { DATABASE_URL, FLIGHT_SERVICE_URL, PORT } = process.env;
const PAYMENT_WINDOW_MS = 5 * 60 * 1000;
const INITIATED = 'initiated';
const BOOKED = 'booked';
const CANCELLED = 'cancelled';

const pool = process.env.POOL ? { max: Number(process.env.POOL) } : undefined;
const sequelize = new Sequelize(DATABASE_URL, { dialect: 'mysql', logging: false, pool });

const Booking = sequelize.define('Booking', {
  flightId: { type: DataTypes.INTEGER, allowNull: false },
  userId: { type: DataTypes.INTEGER, allowNull: false },
  status: { type: DataTypes.ENUM(INITIATED, 'pending', BOOKED, CANCELLED), allowNull: false, defaultValue: INITIATED },
  noOfSeats: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 1 },
  totalCost: { type: DataTypes.INTEGER, allowNull: false },
});

class Refusal extends Error {}

const flightAddress = (id) => `${FLIGHT_SERVICE_URL}/api/v1/flights/${id}`;

async function inTransaction(work) {
  const transaction = await sequelize.transaction();
  try {
    const result = await work(transaction);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

function createBooking({ flightId, userId, noOfSeats }) {
  return inTransaction(async (transaction) => {
    const { data: flight } = (await axios.get(flightAddress(flightId))).data;
    if (noOfSeats > flight.totalSeats) throw new Refusal('Not enough seats available');
    const totalCost = noOfSeats * flight.price;
    const booking = await Booking.create({ flightId, userId, noOfSeats, totalCost }, { transaction });
    await axios.patch(`${flightAddress(flightId)}/seats`, { seats: noOfSeats });
    return booking;
  });
}

function payBooking({ bookingId, userId, totalCost }) {
  return inTransaction(async (transaction) => {
    const booking = await Booking.findByPk(bookingId, { transaction });
    if (booking.status === CANCELLED) throw new Refusal('The booking has expired');
    if (Date.now() - booking.createdAt.getTime() > PAYMENT_WINDOW_MS) {
      await cancelBooking(bookingId);
      throw new Refusal('The booking has expired');
    }
    if (booking.totalCost !== totalCost) throw new Refusal('The amount of the payment does not match');
    if (booking.userId !== userId) throw new Refusal('The user of the booking does not match');
    await Booking.update({ status: BOOKED }, { where: { id: bookingId } });
  });
}

function cancelBooking(bookingId) {
  return inTransaction(async (transaction) => {
    const booking = await Booking.findByPk(bookingId, { transaction });
    if (booking.status === CANCELLED) return;
    await axios.patch(`${flightAddress(booking.flightId)}/seats`, { seats: booking.noOfSeats, dec: 0 });
    await Booking.update({ status: CANCELLED }, { where: { id: bookingId } });
  });
}

const paidKeys = {};

function answer(response, work, message) {
  return work.then(
    (data) => response.status(201).json({ success: true, message, data: data ?? {}, error: {} }),
    (error) => {
      const explanation = error.message;
      const statusCode = error instanceof Refusal ? 400 : 500;
      response.status(statusCode).json({ success: false, message: 'Failed', data: {}, error: { statusCode, explanation } });
    },
  );
}

const app = express();
app.use(express.json());
app.use(express.urlencoded({ extended: true }));

app.get('/health', (_request, response) => response.json({}));
app.post('/api/v1/bookings', (request, response) =>
  answer(response, createBooking(request.body), 'Booking created successfully'));
app.post('/api/v1/bookings/payments', (request, response) => {
  const key = request.headers['x-idempotency-key'];
  const work = async () => {
    if (!key) throw new Refusal('The idempotency key is missing');
    if (paidKeys[key]) throw new Refusal('Cannot retry a successful payment');
    await payBooking(request.body);
    paidKeys[key] = key;
  };
  return answer(response, work(), 'Payment made successfully');
});

sequelize.sync().then(() => app.listen(Number(PORT), '127.0.0.1'));
