/** The interactive description of the API: Swagger UI over `openapi.json`. */

const { SwaggerUIBundle } = /** @type {any} */ (window);

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
  tryItOutEnabled: true,
});
