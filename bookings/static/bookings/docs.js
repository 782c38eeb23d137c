// The page to try the API. Each refusal is one line that names its codes, until it is opened: with all of them open
// an operation was as tall as fifteen screens.
"use strict";

const FoldedRefusals = ({ React }) => ({
  wrapComponents: {
    response: (Response) => (props) => {
      const [isOpen, setOpen] = React.useState(false);
      if (props.code.startsWith("2")) return React.createElement(Response, props);
      const codes = props.response.get("description", "").match(/(?<=^- `)\w+/gm) || ["refused"];
      const line = React.createElement(
        "tr",
        { className: "response folded-response" },
        React.createElement("td", { className: "response-col_status" }, props.code),
        React.createElement(
          "td",
          { className: "response-col_description", colSpan: 2 },
          React.createElement(
            "button",
            { type: "button", "aria-expanded": isOpen, onClick: () => setOpen(!isOpen) },
            codes.join(", "),
          ),
        ),
      );
      return React.createElement(React.Fragment, null, line, isOpen && React.createElement(Response, props));
    },
  },
});
