// Speaks to the service by the client that openapi-fetch makes of the API's description: reads one call for each line of
// its input, and writes a line with what the client made of the answer. `tsc` checks it against the types that
// openapi-typescript has written into schema.ts, and node runs it.
import { createInterface } from "node:readline";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.ts";

type Schemas = components["schemas"];
type Success =
  | Schemas["BookingResponse"]
  | Schemas["BookingPageResponse"]
  | Schemas["TimelineResponse"]
  | Schemas["PayingBookingResponse"]
  | Schemas["BookingMoneyResponse"]
  | Schemas["SeatMapResponse"]
  | Schemas["EventPageResponse"]
  | Schemas["WebhookEndpointsResponse"]
  | Schemas["WebhookEndpointResponse"]
  | Schemas["NewWebhookEndpointResponse"]
  | Schemas["WebhookDeliveryPageResponse"]
  | Schemas["WebhookDeliveryResponse"]
  | Schemas["WholeWebhookDeliveryResponse"]
  | Schemas["WebhookReplayResponse"]
  | Schemas["NothingResponse"]
  | Schemas["ApiLinksResponse"]
  | Schemas["ServiceInfoResponse"];
type Failure =
  | Schemas["ErrorResponse"]
  | Schemas["CreateBookingErrorResponse"]
  | Schemas["PayBookingErrorResponse"]
  | Schemas["CancelBookingErrorResponse"]
  | Schemas["ChangeBookingContactErrorResponse"]
  | Schemas["EraseBookingContactErrorResponse"]
  | Schemas["GetBookingErrorResponse"]
  | Schemas["ListBookingEventsErrorResponse"]
  | Schemas["ListBookingPaymentsErrorResponse"]
  | Schemas["GetSeatMapErrorResponse"]
  | Schemas["ChangeSeatsErrorResponse"]
  | Schemas["MakeWebhookEndpointErrorResponse"]
  | Schemas["GetWebhookEndpointErrorResponse"]
  | Schemas["ChangeWebhookEndpointErrorResponse"]
  | Schemas["DeleteWebhookEndpointErrorResponse"]
  | Schemas["RotateWebhookSecretErrorResponse"]
  | Schemas["PingWebhookEndpointErrorResponse"]
  | Schemas["ReplayWebhooksErrorResponse"]
  | Schemas["ListWebhookDeliveriesErrorResponse"]
  | Schemas["GetWebhookDeliveryErrorResponse"]
  | Schemas["RedeliverWebhookErrorResponse"];

type Call = { key?: string; seen?: string; headers?: Record<string, string> } & (
  | { operation: "createBooking"; body: Schemas["CreateBookingRequest"] }
  | { operation: "payBooking"; key: string; body: Schemas["PayBookingRequest"] }
  | { operation: "cancelBooking"; id: number; body: Schemas["CancelBookingRequest"] }
  | { operation: "changeBookingContact"; id: number; body: Schemas["ChangeBookingContactRequest"] }
  | { operation: "getBooking" | "listBookingEvents" | "listBookingPayments" | "eraseBookingContact" | "eraseUserContacts"; id: number }
  | { operation: "getSeatMap"; id: number }
  | { operation: "changeSeats"; id: number; body: Schemas["ChangeSeatsRequest"] }
  | { operation: "listBookings"; query?: paths["/api/v1/bookings"]["get"]["parameters"]["query"] }
  | { operation: "listEvents"; query?: paths["/api/v1/events"]["get"]["parameters"]["query"] }
  | { operation: "listWebhookEndpoints" }
  | { operation: "makeWebhookEndpoint"; body: Schemas["MakeWebhookEndpointRequest"] }
  | { operation: "getWebhookEndpoint" | "deleteWebhookEndpoint" | "pingWebhookEndpoint"; id: string }
  | { operation: "changeWebhookEndpoint"; id: string; body: Schemas["ChangeWebhookEndpointRequest"] }
  | { operation: "rotateWebhookSecret"; id: string; body: Schemas["RotateWebhookSecretRequest"] }
  | { operation: "replayWebhooks"; id: string; body: Schemas["ReplayWebhooksRequest"] }
  | {
      operation: "listWebhookDeliveries";
      id: string;
      query?: paths["/api/v1/webhook-endpoints/{id}/deliveries"]["get"]["parameters"]["query"];
    }
  | { operation: "getWebhookDelivery" | "redeliverWebhook"; id: string; delivery: number }
  | { operation: "getServiceInfo" | "listLinks" }
);

const [baseUrl, token] = process.argv.slice(2);
const client = createClient<paths>({
  baseUrl,
  headers: token ? { Authorization: `Bearer ${token}` } : {},
});

function send(call: Call): Promise<{ data?: Success; error?: Failure; response: Response }> {
  const { headers } = call;
  const keyed = call.key === undefined ? {} : { "Idempotency-Key": call.key };
  const seen = call.seen === undefined ? {} : { "If-Match": call.seen };
  switch (call.operation) {
    case "createBooking":
      return client.POST("/api/v1/bookings", { params: { header: keyed }, headers, body: call.body });
    case "payBooking":
      return client.POST("/api/v1/bookings/payments", {
        params: { header: { "Idempotency-Key": call.key, ...seen } },
        headers,
        body: call.body,
      });
    case "cancelBooking":
      return client.POST("/api/v1/bookings/{id}/cancel", {
        params: { path: { id: call.id }, header: { ...keyed, ...seen } },
        headers,
        body: call.body,
      });
    case "changeBookingContact":
      return client.PUT("/api/v1/bookings/{id}/contact", {
        params: { path: { id: call.id } },
        headers,
        body: call.body,
      });
    case "eraseUserContacts":
      return client.DELETE("/api/v1/users/{id}/contacts", { params: { path: { id: call.id } }, headers });
    case "eraseBookingContact":
      return client.DELETE("/api/v1/bookings/{id}/contact", { params: { path: { id: call.id } }, headers });
    case "getBooking":
      return client.GET("/api/v1/bookings/{id}", { params: { path: { id: call.id } }, headers });
    case "listBookingEvents":
      return client.GET("/api/v1/bookings/{id}/events", { params: { path: { id: call.id } }, headers });
    case "listBookingPayments":
      return client.GET("/api/v1/bookings/{id}/payments", { params: { path: { id: call.id } }, headers });
    case "changeSeats":
      return client.POST("/api/v1/bookings/{id}/seats", {
        params: { path: { id: call.id }, header: { ...keyed, ...seen } },
        headers,
        body: call.body,
      });
    case "getSeatMap":
      return client.GET("/api/v1/flights/{id}/seats", { params: { path: { id: call.id } }, headers });
    case "listBookings":
      return client.GET("/api/v1/bookings", { params: { query: call.query }, headers });
    case "listEvents":
      return client.GET("/api/v1/events", { params: { query: call.query }, headers });
    case "listWebhookEndpoints":
      return client.GET("/api/v1/webhook-endpoints", { headers });
    case "makeWebhookEndpoint":
      return client.POST("/api/v1/webhook-endpoints", { headers, body: call.body });
    case "getWebhookEndpoint":
      return client.GET("/api/v1/webhook-endpoints/{id}", { params: { path: { id: call.id } }, headers });
    case "changeWebhookEndpoint":
      return client.PATCH("/api/v1/webhook-endpoints/{id}", {
        params: { path: { id: call.id }, header: seen },
        headers,
        body: call.body,
      });
    case "deleteWebhookEndpoint":
      return client.DELETE("/api/v1/webhook-endpoints/{id}", {
        params: { path: { id: call.id }, header: seen },
        headers,
      });
    case "rotateWebhookSecret":
      return client.POST("/api/v1/webhook-endpoints/{id}/rotate-secret", {
        params: { path: { id: call.id } },
        headers,
        body: call.body,
      });
    case "pingWebhookEndpoint":
      return client.POST("/api/v1/webhook-endpoints/{id}/ping", { params: { path: { id: call.id } }, headers });
    case "replayWebhooks":
      return client.POST("/api/v1/webhook-endpoints/{id}/replay", {
        params: { path: { id: call.id } },
        headers,
        body: call.body,
      });
    case "listWebhookDeliveries":
      return client.GET("/api/v1/webhook-endpoints/{id}/deliveries", {
        params: { path: { id: call.id }, query: call.query },
        headers,
      });
    case "getWebhookDelivery":
      return client.GET("/api/v1/webhook-endpoints/{id}/deliveries/{delivery}", {
        params: { path: { id: call.id, delivery: call.delivery } },
        headers,
      });
    case "redeliverWebhook":
      return client.POST("/api/v1/webhook-endpoints/{id}/deliveries/{delivery}/redeliver", {
        params: { path: { id: call.id, delivery: call.delivery } },
        headers,
      });
    case "listLinks":
      return client.GET("/api/v1", { headers });
    case "getServiceInfo":
      return client.GET("/api/v1/info", { headers });
  }
}

// `success` alone tells one from the other: without that this is no program to `tsc`.
function told(envelope: Success | Failure): { success: boolean; data: object; code: string; retryable: boolean } {
  if (envelope.success) {
    return { success: true, data: envelope.data, code: "", retryable: false };
  }
  return { success: false, data: {}, code: envelope.error.code, retryable: envelope.error.retryable };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { data, error, response } = await send(JSON.parse(line));
  const envelope = data ?? error;
  if (envelope === undefined) {
    throw new Error(`neither a success nor a failure: ${response.status}`);
  }
  const headers = Object.fromEntries(response.headers);
  console.log(JSON.stringify({ status: response.status, headers, ...told(envelope) }));
}
